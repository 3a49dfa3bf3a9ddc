// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import PostgresClient
import SpanQueue

extension PostgresEngine: HistoryStore {
    func add(_ tallies: [AttemptTally], to queue: String) async throws {
        guard !tallies.isEmpty else { return }
        func all(_ number: (AttemptSums) -> Int) -> PostgresValue {
            .int8s(tallies.map { Int64(number($0.sums)) })
        }
        let width = AttemptSums.bounds.count + 1
        let buckets = tallies.flatMap { tally in
            tally.sums.buckets.isEmpty ? Array(repeating: 0, count: width) : tally.sums.buckets
        }
        // Not made again after a lost answer: they would be counted twice.
        _ = try await call(
            PostgresCall(
                "add_history", statements.addHistory,
                [
                    .text(queue), .int4(AttemptTally.mostTypes), .texts(tallies.lazy.map(\.type)),
                    all { $0.completed }, all { $0.retried }, all { $0.dead }, all { $0.other },
                    all { $0.processMilliseconds }, all { $0.waitMilliseconds },
                    .int8s(buckets.lazy.map { Int64($0) }),
                ]), idempotent: false, on: work)
    }

    func history(
        of queues: [String], _ resolution: HistoryResolution, last count: Int, namesTypes: Bool
    ) async throws -> [[HistorySlot]] {
        var slots = [[HistorySlot]](repeating: [], count: queues.count)
        guard !queues.isEmpty else { return slots }
        let rows = try await call(
            PostgresCall(
                "history", statements.history,
                [
                    .texts(queues), .int4(resolution.seconds), .int4(max(1, min(count, resolution.slots))),
                    .bool(namesTypes),
                ]))
        try read { () throws(PostgresError) in
            for row in 0..<rows.count {
                let place = Int(try rows.integer(row, 0)) - 1
                guard slots.indices.contains(place) else {
                    throw PostgresError(.protocolViolation, "a history of no queue \(place)")
                }
                var numbers: [Int] = []
                for column in 3...8 { numbers.append(Int(try rows.integer(row, column))) }
                guard let type = try rows.optionalText(row, 9) else {
                    let at = resolution.start(of: Int(try rows.integer(row, 1)))
                    let ready = Int(try rows.integer(row, 2))
                    // What a later version writes otherwise is passed over.
                    guard let sums = AttemptSums(numbers) else { continue }
                    slots[place].append(HistorySlot(at: at, ready: ready, sums: sums))
                    continue
                }
                numbers += try rows.integers(row, 10).map { Int($0 ?? 0) }
                guard let sums = AttemptSums(numbers), let last = slots[place].indices.last else { continue }
                slots[place][last].types[type] = sums
            }
        }
        return slots
    }
}

extension PostgresEngine: PrioritySource {
    /// The most jobs of a level that are looked at.
    static let mostOfLevel = 10_000

    func readyByPriority(of queues: [String]) async throws -> [[Int]] {
        guard !queues.isEmpty else { return [] }
        let rows = try await call(
            PostgresCall("levels", statements.levels, [.texts(queues), .int4(Self.mostOfLevel)]))
        return try read { () throws(PostgresError) in
            var levels: [[Int]] = []
            for row in 0..<rows.count { levels.append(try rows.integers(row, 1).map { Int($0 ?? 0) }) }
            guard levels.count == queues.count, levels.allSatisfy({ $0.count == 10 }) else {
                throw PostgresError(.protocolViolation, "levels are not ten numbers a queue")
            }
            return levels
        }
    }
}
