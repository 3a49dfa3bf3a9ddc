// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import HiredisClient
import SpanQueue

extension RedisEngine: ErrorStore {
    func add(_ errors: [ErrorCount], to queue: String, version: String) async throws {
        guard !errors.isEmpty else { return }
        // Not sent again after a lost reply: they would be counted twice.
        _ = try await call(
            RedisScriptCall(scripts.errors, keys: [keys(queue).errors]) { arguments in
                arguments.append(Limits.errorGroups)
                arguments.append(version)
                for error in errors {
                    arguments.append(ErrorFingerprint.text(error.fingerprint))
                    arguments.append(error.count)
                    arguments.append(error.jobType)
                    arguments.append(error.errorType)
                    arguments.append(error.masked)
                }
            }, idempotent: false)
    }

    func errors(in queue: String) async throws -> [ErrorGroup] {
        let reply = try await send(RESPCommand("HGETALL", keys(queue).errors))
        do {
            var cursor = RESPCursor(reply)
            let count = try cursor.nextArrayCount()
            var groups: [ErrorGroup] = []
            for _ in 0..<count / 2 {
                let name = try cursor.nextString()
                let value = try cursor.nextBytes()
                // What a later version writes otherwise is passed over.
                if let group = Self.group(name, value, in: queue) { groups.append(group) }
            }
            return groups
        } catch {
            throw SpanQueueError.unexpectedReply("HGETALL", error)
        }
    }

    private static func group(_ name: String, _ value: [UInt8], in queue: String) -> ErrorGroup? {
        let parts = value.split(separator: 0, maxSplits: 4, omittingEmptySubsequences: false).map {
            String(decoding: $0, as: UTF8.self)
        }
        guard parts.count == 5, parts[0].count > 26, let first = Int64(parts[0].prefix(13)),
            let last = Int64(parts[0].dropFirst(13).prefix(13)), let count = Int(parts[0].dropFirst(26)),
            name == "other" || ErrorFingerprint.parse(name) != nil
        else { return nil }
        return ErrorGroup(
            queue: queue, fingerprint: ErrorFingerprint.parse(name), jobType: parts[1], errorType: parts[2],
            masked: parts[4], count: count, firstSeen: Timestamp(milliseconds: first),
            lastSeen: Timestamp(milliseconds: last), version: parts[3])
    }
}
