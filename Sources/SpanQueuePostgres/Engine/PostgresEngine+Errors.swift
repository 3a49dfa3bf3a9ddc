// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import PostgresClient
import SpanQueue
import Synchronization

extension PostgresEngine: ErrorStore {
    func add(_ errors: [ErrorCount], to queue: String, version: String) async throws {
        guard !errors.isEmpty else { return }
        folded.withLock { _ = $0.remove(queue) }
        // Not made again after a lost answer: they would be counted twice.
        _ = try await call(
            PostgresCall(
                "add_errors", statements.addErrors,
                [
                    .text(queue), .text(version), .int8s(errors.lazy.map { Int64(bitPattern: $0.fingerprint) }),
                    .int8s(errors.lazy.map { Int64($0.count) }), .texts(errors.lazy.map(\.jobType)),
                    .byteArrays(errors.lazy.map { Array($0.errorType.utf8) }),
                    .byteArrays(errors.lazy.map { Array($0.masked.utf8) }),
                ]), idempotent: false, on: work)
    }

    func errors(in queue: String) async throws -> [ErrorGroup] {
        let rows = try await call(
            PostgresCall("errors", statements.errors, [.text(queue), .int4(Limits.errorGroups)]))
        return try read { () throws(PostgresError) in
            var groups: [ErrorGroup] = []
            for row in 0..<rows.count {
                groups.append(
                    ErrorGroup(
                        queue: queue, fingerprint: try rows.optionalInteger(row, 1).map { UInt64(bitPattern: $0) },
                        jobType: try rows.text(row, 5), errorType: try rows.text(row, 6),
                        masked: try rows.text(row, 7), count: Int(try rows.integer(row, 4)),
                        firstSeen: Timestamp(milliseconds: try rows.integer(row, 2)),
                        lastSeen: Timestamp(milliseconds: try rows.integer(row, 3)), version: try rows.text(row, 8)))
            }
            return groups
        }
    }
}
