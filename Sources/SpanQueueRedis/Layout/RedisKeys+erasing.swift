package import HiredisClient

/// Removes a queue with all that it holds. For queues that nobody works on, such as those of benchmarks.
package enum QueueErasure {
    /// The commands that do it; they are safe to send again.
    package static func commands(queue: String) -> [RESPCommand] {
        let keys = RedisKeys(queue: queue)
        var unlink = RESPCommand("UNLINK")
        for key in [
            keys.jobs, keys.runs, keys.ready, keys.priority, keys.scheduled, keys.retrying, keys.active, keys.leases,
            keys.cancelling, keys.completed, keys.retained, keys.dead, keys.cancelled, keys.unique, keys.uniqueExpiry,
            keys.meta, keys.wake,
        ] { unlink.append(key) }
        return [unlink, RESPCommand("SREM", RedisKeys.queues, queue)]
    }
}
