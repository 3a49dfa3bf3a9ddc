/// What a client may cost.
///
/// All times are of the whole, not of the pause between two bytes: a client that sends or reads a byte a second gains
/// nothing by it.
public struct ConnectionLimits: Sendable {
    /// How long a new connection has until its first request is there; 10 seconds unless set.
    public var requestTimeout = Duration.seconds(10)
    /// How long an answer may take, from the request until the kernel has its last byte; 30 seconds unless set.
    public var answerTimeout = Duration.seconds(30)
    /// How long a connection may wait for its next request; 75 seconds unless set, longer than the usual scrape interval.
    public var idleTimeout = Duration.seconds(75)
    /// The most connections. One more closes the one that has waited longest, so that those who do nothing keep nobody out;
    /// 128 unless set.
    public var maximumConnections = 128
    /// The most bytes of answers that wait for their readers. Past that the one that has read longest is closed; 32 MiB
    /// unless set.
    public var maximumPendingBytes = 32 << 20
    /// How long a stop waits for answers under way; one second unless set.
    public var closingTimeout = Duration.seconds(1)

    /// The limits above.
    public init() {}
}
