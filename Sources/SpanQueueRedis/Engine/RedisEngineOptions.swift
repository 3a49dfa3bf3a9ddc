package import HiredisClient
package import SpanQueue

/// The settings of the Redis engine.
public struct RedisEngineOptions: Sendable, Hashable {
    /// How long a call waits for Redis, reconnects included, 100 ms to 5 minutes; 5 seconds unless set.
    public var commandTimeout = Duration.seconds(5)
    /// Whether the start waits, for as long, for a server that can't be reached now: it may be starting. Where not, a connection
    /// that is refused is an error at once. True unless set.
    public var waitsForServer = true
    /// How long the record of a completed or cancelled job is kept; one hour unless set.
    public var retention = Duration.hours(1)
    /// How many completed jobs a queue keeps at most, those with a retention of their own not counted; 10,000 unless set.
    public var retentionCount = 10_000
    /// How long dead letters are kept; for ever unless set. Those that are trimmed are counted as removed.
    public var deadRetention: Duration?
    /// Work with a Redis that may evict our keys when its memory is full. Jobs are then lost without a trace.
    public var allowsEviction = false

    /// What must have happened to new jobs before an enqueue succeeds; `primary` unless set.
    public var durability = RedisDurability.primary

    /// For a `rediss://` URL: whom to trust, and our own certificate. The system's authorities, and none, unless set.
    public var tls = RedisTLS()

    /// The settings above.
    public init(
        commandTimeout: Duration = .seconds(5), waitsForServer: Bool = true, retention: Duration = .seconds(3600),
        retentionCount: Int = 10_000, deadRetention: Duration? = nil, allowsEviction: Bool = false,
        durability: RedisDurability = .primary
    ) {
        self.commandTimeout = commandTimeout
        self.waitsForServer = waitsForServer
        self.retention = retention
        self.retentionCount = retentionCount
        self.deadRetention = deadRetention
        self.allowsEviction = allowsEviction
        self.durability = durability
    }

    /// Checks that these settings can be used for a URL, and reads it.
    package func checkedURL(_ text: String) throws(SpanQueueError) -> RedisURL {
        try check()
        let url: RedisURL
        do throws(RedisURLError) {
            url = try RedisURL(text)
        } catch {
            throw SpanQueueError(.invalidArgument, error.message)
        }
        try tls.check(for: url)
        return url
    }

    package func check() throws(SpanQueueError) {
        guard commandTimeout >= .milliseconds(100), commandTimeout <= .minutes(5) else {
            throw SpanQueueError(
                .invalidArgument, "command timeout \(DurationText.format(commandTimeout)): use 100ms to 5m")
        }
        guard retention >= .zero, retention <= Limits.farthestDelay else {
            throw SpanQueueError(.invalidArgument, "retention \(DurationText.format(retention)): use 0s to 10 years")
        }
        if let deadRetention, deadRetention < .seconds(1) || deadRetention > Limits.farthestDelay {
            throw SpanQueueError(
                .invalidArgument, "retention of dead letters \(DurationText.format(deadRetention)): use 1s to 10 years")
        }
        guard durability.isInRange else {
            throw SpanQueueError(.invalidArgument, "durability \(durability): use 1 to 16 replicas")
        }
        guard (0...10_000_000).contains(retentionCount) else {
            throw SpanQueueError(.invalidArgument, "retention count \(retentionCount): use 0 to 10000000")
        }
    }
}
