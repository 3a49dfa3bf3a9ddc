// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import PostgresClient
import SpanQueue

extension PostgresEngine: JournalStore {
    func append(_ deed: JournalDeed, outcome: JournalOutcome?, intent: String?) async throws -> String {
        let fields = JournalEntry.fields(deed, outcome: outcome, intent: intent)
        // A second one would stand there for good.
        let rows = try await call(
            PostgresCall(
                "append", statements.append,
                [
                    .texts(fields.lazy.map(\.name)), .texts(fields.lazy.map(\.value)),
                    .int8(Int64(Self.journalLength)),
                ]), idempotent: false)
        return try read { () throws(PostgresError) in "\(try rows.integer(0, 0))" }
    }

    func entries(before place: String?, limit: Int) async throws -> [JournalEntry] {
        var number: Int64?
        if let place {
            number = place.utf8.allSatisfy { UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 } ? Int64(place) : nil
            guard number != nil else {
                throw SpanQueueError(
                    .invalidArgument, "not a place in the journal: pass the one that the last page gave")
            }
        }
        let rows = try await call(
            PostgresCall("entries", statements.entries, [.int8(number), .int4(max(1, min(limit, 1000)))]))
        return try read { () throws(PostgresError) in
            var entries: [JournalEntry] = []
            for row in 0..<rows.count {
                let fields = zip(try rows.texts(row, 2), try rows.texts(row, 3))
                entries.append(
                    JournalEntry(
                        place: "\(try rows.integer(row, 0))", at: Timestamp(milliseconds: try rows.integer(row, 1)),
                        fields: Dictionary(fields) { $1 }))
            }
            return entries
        }
    }
}
