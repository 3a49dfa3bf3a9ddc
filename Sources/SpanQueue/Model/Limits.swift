/// What a job may hold. Each limit is checked before anything is sent to the engine.
public struct Limits: Sendable, Hashable {
    /// The largest payload, in bytes; 1 MiB by default.
    public var payloadBytes = 1 << 20
    /// The largest result, in bytes; 64 KiB by default.
    public var resultBytes = 64 << 10
    /// The most tags on a job; 16 by default.
    public var tags = 16

    /// The limits of a new queue: the defaults above.
    public init() {}

    /// The most jobs in one call of `enqueue`.
    public static let jobsPerEnqueue = 10_000
    /// The longest error text that is kept of an attempt, in bytes. The rest is cut.
    public static let errorBytes = 2048
    /// The longest error text in each entry of a job's history, in bytes. The rest is cut.
    public static let historyErrorBytes = 512
    /// The longest text that goes with a progress report, in bytes. The rest is cut.
    public static let progressBytes = 256
    /// The most events of a job's history that are kept: the first and the latest.
    public static let historyEvents = 32
    /// The farthest a job can be put off, also by a retry: 10 years.
    public static let farthestDelay = Duration.hours(24 * 3650)
}
