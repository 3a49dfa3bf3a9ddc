package import HiredisClient

/// Removes a queue with all that it holds. For queues that nobody works on, such as those of benchmarks.
package enum QueueErasure {
    /// The commands that do it; they are safe to send again.
    package static func commands(queue: String) -> [RESPCommand] {
        var unlink = RESPCommand("UNLINK")
        for key in RedisKeys(queue: queue).all { unlink.append(key) }
        return [unlink, RESPCommand("SREM", RedisKeys.queues, queue)]
    }
}
