import HiredisClient
import SpanQueue

extension RedisEngine {
    /// Waits until the replicas have what was written so far.
    ///
    /// On a connection of its own, since `WAIT` holds up everything behind it. `WAIT` asks for what its own connection wrote last, and
    /// replication keeps the order of all writes, whoever made them: so this one writes too. A message to nobody is a write to the
    /// replicas, and leaves nothing behind.
    ///
    /// - Parameter generation: of the connection that wrote. If it is another one by now, so may the primary be, and that one's
    ///   replicas say nothing of what the old one had.
    func confirm(by replicas: Int, since generation: Int) async throws {
        let limit = options.commandTimeout
        let waiter = try takeWaiter()
        defer { giveBack(waiter) }
        var wait = RESPCommand("WAIT", "\(replicas)")
        wait.append(limit.milliseconds)
        // Redis must be able to say that time is up before we stop listening.
        let replies = try await waiter.pipeline(
            [RESPCommand("PUBLISH", RedisKeys.fence, ""), wait], timeout: limit + .seconds(1), idempotent: false)
        do {
            for reply in replies.dropLast() { _ = try reply.get() }
            let count = try replies.last?.get().integer() ?? 0
            guard count >= replicas else {
                throw SpanQueueError(
                    .timeout,
                    "the primary has the jobs, but \(count) of \(replicas) replicas confirmed them within "
                        + "\(DurationText.format(limit)): look at the replicas; to enqueue again is safe with ids of your own",
                    mayHaveRun: true)
            }
        } catch let error as RedisError {
            throw SpanQueueError(
                .unavailable,
                "the primary has the jobs, but could not say whether replicas have them: \(error.message)",
                mayHaveRun: true)
        }
        guard await client.generation == generation else {
            throw SpanQueueError(
                .unavailable,
                "the connection to Redis was lost before replicas confirmed the jobs: to enqueue again is safe with ids of your own",
                mayHaveRun: true)
        }
    }
}
