// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import HiredisClient
import SpanQueue

extension RedisEngine: JournalStore {
    func append(_ deed: JournalDeed, outcome: JournalOutcome?, intent: String?) async throws -> String {
        var command = RESPCommand("XADD", RedisKeys.journal, "MAXLEN", "~", "\(Self.journalLength)", "*")
        for (name, value) in JournalEntry.fields(deed, outcome: outcome, intent: intent) {
            command.append(name)
            command.append(value)
        }
        do {
            // A second one would stand there for good.
            return try await client.send(command, idempotent: false).string()
        } catch let error as RedisError {
            throw SpanQueueError(error)
        }
    }

    func entries(before place: String?, limit: Int) async throws -> [JournalEntry] {
        if let place, Self.moment(of: place) == nil {
            throw SpanQueueError(.invalidArgument, "not a place in the journal: pass the one that the last page gave")
        }
        let reply = try await send(
            RESPCommand(
                "XREVRANGE", RedisKeys.journal, place.map { "(\($0)" } ?? "+", "-", "COUNT",
                "\(max(1, min(limit, 1000)))"))
        do {
            var cursor = RESPCursor(reply)
            return try (0..<(try cursor.nextArrayCount())).map { _ in try Self.entry(&cursor) }
        } catch {
            throw SpanQueueError.unexpectedReply("XREVRANGE", error)
        }
    }

    private static func entry(_ cursor: inout RESPCursor) throws(RedisError) -> JournalEntry {
        try cursor.nextArray(of: 2)
        let place = try cursor.nextString()
        var fields: [String: String] = [:]
        for _ in 0..<(try cursor.nextArrayCount()) / 2 {
            let name = try cursor.nextString()
            fields[name] = try cursor.nextString()
        }
        return JournalEntry(place: place, at: moment(of: place) ?? Timestamp(milliseconds: 0), fields: fields)
    }

    /// When an entry was added: the id that Redis gave it begins with its milliseconds.
    private static func moment(of place: String) -> Timestamp? {
        let parts = place.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 2, UInt64(parts[1]) != nil, let milliseconds = Int64(parts[0]), milliseconds >= 0 else {
            return nil
        }
        return Timestamp(milliseconds: milliseconds)
    }
}
