// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import HiredisClient
import SpanQueue

extension RedisEngine: HistoryStore {
    func add(_ tallies: [AttemptTally], to queue: String) async throws {
        guard !tallies.isEmpty else { return }
        let keys = keys(queue)
        var all = AttemptSums()
        for tally in tallies { all.add(tally.sums) }
        let sums = all.sums
        // Not sent again after a lost reply: they would be counted twice.
        _ = try await call(
            RedisScriptCall(scripts.history, keys: [keys.history, keys.ready, keys.priority]) { arguments in
                arguments.append(AttemptTally.mostTypes)
                arguments.append(Self.text(sums))
                for tally in tallies {
                    arguments.append(tally.type)
                    arguments.append(Self.text(tally.sums.numbers))
                }
            }, idempotent: false)
    }

    func history(
        of queues: [String], _ resolution: HistoryResolution, last count: Int, namesTypes: Bool
    ) async throws -> [[HistorySlot]] {
        let calls = queues.map { queue in
            RedisScriptCall(scripts.past, keys: [keys(queue).history]) { arguments in
                arguments.append(resolution == .minute ? "m" : "t")
                arguments.append(resolution.seconds)
                arguments.append(resolution.slots)
                arguments.append(max(1, min(count, resolution.slots)))
                arguments.append(namesTypes ? "t" : "")
            }
        }
        return try await client.pipeline(calls, idempotent: true).map { reply in
            do {
                var cursor = RESPCursor(try reply.get())
                let slots = try (0..<(try cursor.nextArrayCount())).map { _ in try cursor.nextString() }
                // What a later version writes otherwise is passed over.
                return slots.compactMap { Self.slot($0, resolution) }
            } catch let error as RedisError {
                throw SpanQueueError(error)
            }
        }
    }

    private static func text(_ numbers: [Int]) -> String { numbers.map(String.init).joined(separator: " ") }

    private static func numbers(_ text: Substring) -> [Int] { text.split(separator: " ").compactMap { Int($0) } }

    private static func slot(_ text: String, _ resolution: HistoryResolution) -> HistorySlot? {
        let lines = text.split(separator: "\n")
        let head = lines.first.map(numbers) ?? []
        guard head.count == 8, let sums = AttemptSums(Array(head[2...])) else { return nil }
        var slot = HistorySlot(at: resolution.start(of: head[0]), ready: head[1], sums: sums)
        for line in lines.dropFirst() {
            let parts = line.split(separator: "\t")
            if parts.count == 2, let sums = AttemptSums(numbers(parts[1])) { slot.types[String(parts[0])] = sums }
        }
        return slot
    }
}
