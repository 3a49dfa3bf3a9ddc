import CSpanQueueHiredis
import HiredisClient

extension BenchmarkSession {
    private static let batch = 64
    var stream: String { "\(options.prefix):floor" }
    private var payload: [UInt8] { [UInt8](repeating: UInt8(ascii: "x"), count: options.payloadBytes) }

    func floorEnqueue() async throws -> Measurement {
        try await measure(.floorEnqueue, jobs: options.jobs) { try await fillStream() }
    }

    private func fillStream() async throws {
        var add = RESPCommand("XADD", stream, "*", "job")
        add.append(payload)
        var left = options.jobs
        while left > 0 {
            let commands = [RESPCommand](repeating: add, count: min(left, Self.batch))
            for reply in try await client.pipeline(commands, idempotent: false) { _ = try reply.get() }
            left -= commands.count
        }
    }

    func floorDrain() async throws -> Measurement {
        try await fillStream()
        _ = try await client.send(RESPCommand("XGROUP", "CREATE", stream, "workers", "0"), idempotent: true)
        let read = RESPCommand(
            "XREADGROUP", "GROUP", "workers", "one", "COUNT", "\(Self.batch)", "STREAMS", stream, ">")
        return try await measure(.floorDrain, jobs: options.jobs) {
            var finished = 0
            var commands = [read]
            while finished < options.jobs {
                let replies = try await client.pipeline(commands, idempotent: false)
                for reply in replies.dropLast() { _ = try reply.get() }
                guard let last = replies.last else { break }
                let ids = try Self.ids(in: last.get())
                var acknowledge = RESPCommand("XACK", stream, "workers")
                var delete = RESPCommand("XDEL", stream)
                for id in ids {
                    acknowledge.append(id)
                    delete.append(id)
                }
                finished += ids.count
                commands = [acknowledge, delete, read]
            }
            for reply in try await client.pipeline(Array(commands.dropLast()), idempotent: false) {
                _ = try reply.get()
            }
        }
    }

    /// The ids of a reply of `XREADGROUP`: `[[stream, [[id, [field, value]], …]]]`.
    private static func ids(in reply: RESPReply) throws(RedisError) -> [[UInt8]] {
        guard !reply.isNull else { return [] }
        var cursor = RESPCursor(reply)
        var ids: [[UInt8]] = []
        for _ in 0..<(try cursor.nextArrayCount()) {
            _ = try cursor.nextArrayCount()
            _ = try cursor.nextString()
            for _ in 0..<(try cursor.nextArrayCount()) {
                _ = try cursor.nextArrayCount()
                ids.append(try cursor.nextBytes())
                for _ in 0..<(try cursor.nextArrayCount()) { cursor.skip() }
            }
        }
        return ids
    }

    /// What a bare program pays for a call of a script with a payload: hiredis in this thread, and no thread in between.
    func roundTrip() async throws -> Measurement {
        let connection = try BlockingConnection(url)
        let digest = try connection.load("return 1")
        return try await measure(.roundTrip, jobs: options.jobs) {
            for _ in 0..<options.jobs {
                try Task.checkCancellation()
                try connection.call(digest, payload)
            }
        }
    }
}
