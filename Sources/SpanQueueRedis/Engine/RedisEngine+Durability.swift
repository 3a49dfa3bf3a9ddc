// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import HiredisClient
import SpanQueue

extension RedisEngine {
    /// Waits until what was written so far is where the durability wants it.
    ///
    /// On a connection of its own, since `WAIT` and `WAITAOF` hold up everything behind them. They ask for what their own connection
    /// wrote last, and replication and the AOF keep the order of all writes, whoever made them: so this one writes too, a key that is
    /// gone after a second. (A `PUBLISH` would reach the replicas and leave nothing, but it does not reach the AOF.)
    ///
    /// - Parameters:
    ///   - queue: one of those that were written to, whose fence is the key: all are on one server, so any of them serves.
    ///   - generation: of the connection that wrote. If it is another one by now, so may the primary be, and that one's replicas say
    ///     nothing of what the old one had.
    func confirm(
        _ durability: RedisDurability, in queue: String, since generation: Int,
        until deadline: ContinuousClock.Instant
    ) async throws {
        guard durability != .primary else { return }
        let end = min(deadline, .now + options.commandTimeout)
        let fence = keys(queue).fence
        try await confirmations.wait(until: end) { try await self.ask(durability, by: fence, until: $0) }
        guard await client.generation == generation else {
            throw SpanQueueError(
                .unavailable,
                "the connection to Redis was lost before the jobs were confirmed: enqueueing again is safe if you set the ids",
                mayHaveRun: true)
        }
    }

    private func ask(
        _ durability: RedisDurability, by fence: String, until deadline: ContinuousClock.Instant
    ) async throws {
        let limit = max(.milliseconds(1), deadline - .now)
        var wait: RESPCommand
        switch durability.kind {
        case .primary: return
        case .replicas(let count): wait = RESPCommand("WAIT", "\(count)")
        case .disk(let replicas): wait = RESPCommand("WAITAOF", "1", "\(replicas)")
        }
        wait.append(limit.milliseconds)
        let waiter = try takeWaiter()
        defer { giveBack(waiter) }
        // Redis must be able to say that time is up before we stop listening. A wait that is answered before its write has gone through
        // says nothing, so neither is sent again.
        let replies = try await waiter.pipeline(
            [RESPCommand("SET", fence, "", "PX", "1000"), wait], timeout: limit + .seconds(1), idempotent: false,
            retried: false)
        // Sentinels may have named another primary between the write and this, whose replicas say nothing of it.
        guard await waiter.server == client.server else {
            throw SpanQueueError(
                .unavailable,
                "Redis has another primary since the jobs were sent: enqueueing again is safe if you set the ids",
                mayHaveRun: true)
        }
        do {
            for reply in replies.dropLast() { _ = try reply.get() }
            if let reply = try replies.last?.get(), let missing = try Self.missing(durability, in: reply) {
                throw SpanQueueError(
                    .timeout,
                    "the primary has the jobs, but \(missing) confirmed them within \(DurationText.format(limit)): look at the "
                        + "replicas and the disks; enqueueing again is safe if you set the ids",
                    mayHaveRun: true)
            }
        } catch let error as RedisError {
            throw SpanQueueError(
                .unavailable,
                "the primary has the jobs, but could not say whether they are as safe as asked for: \(error.message)",
                mayHaveRun: true)
        }
    }

    /// What a reply falls short of; nil where it is all that was asked for.
    private static func missing(_ durability: RedisDurability, in reply: RESPReply) throws(RedisError) -> String? {
        switch durability.kind {
        case .primary: return nil
        case .replicas(let wanted):
            let count = try reply.integer()
            return count >= wanted ? nil : "\(count) of \(wanted) replicas"
        case .disk(let wanted):
            var cursor = RESPCursor(reply)
            try cursor.nextArray(of: 2)
            let own = try cursor.nextInteger()
            let count = try cursor.nextInteger()
            if own < 1 { return "its own disk has not" }
            return count >= wanted ? nil : "the disks of \(count) of \(wanted) replicas"
        }
    }

    /// Refuses a server that cannot say what its disk has, or says so before it is true.
    ///
    /// Under `appendfsync everysec` Valkey, up to 9.1 at least, and Redis 7.2 and 7.4 answer `WAITAOF` before the fsync (fixed in
    /// Redis 8.0, redis/redis#13793). Under `always` each answer to a write comes after its fsync, and so does that of `WAITAOF`.
    func checkDurability(_ server: ServerInfo) async throws {
        guard case .disk = options.durability.kind else { return }
        switch try await client.pipeline([RESPCommand("WAITAOF", "1", "0", "1")], idempotent: true)[0] {
        case .success: break
        // A replica, which is told apart from a primary by the first enqueue, as without this.
        case .failure(let error) where error.message.contains("replica"): return
        case .failure(let error):
            throw SpanQueueError(
                .unsupported,
                "durability \(options.durability) needs WAITAOF, of Redis 7.2 or Valkey 7.2, and appendonly yes; "
                    + "\(url) says: \(error.message)")
        }
        let product = server["valkey_version"].map { "Valkey \($0)" } ?? "Redis \(server["redis_version"] ?? "")"
        let major = server["redis_version"]?.split(separator: ".").first.flatMap { Int($0) } ?? 0
        if server["valkey_version"] == nil, major >= 8 { return }
        let policy = try await appendPolicy()
        guard policy == "always" else {
            throw SpanQueueError(
                .unsupported,
                "durability \(options.durability): \(url) is \(product), whose WAITAOF answers before the fsync unless appendfsync is "
                    + "always, and it is \(policy ?? "not told to this user (CONFIG GET)"): set appendfsync always, use Redis 8.0 "
                    + "or later, or durability wait:N")
        }
    }

    /// `appendfsync`; nil where we may not know.
    private func appendPolicy() async throws -> String? {
        guard
            case .success(let reply) = try await client.pipeline(
                [RESPCommand("CONFIG", "GET", "appendfsync")], idempotent: true)[0]
        else { return nil }
        do {
            var cursor = RESPCursor(reply)
            try cursor.nextArray(of: 2)
            _ = try cursor.nextString()
            return try cursor.nextString()
        } catch {
            throw SpanQueueError.unexpectedReply("CONFIG GET", error)
        }
    }
}
