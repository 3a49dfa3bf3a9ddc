/// What a job may hold. Each limit is checked before anything is sent to the engine.
public struct Limits: Sendable, Hashable {
    /// The largest payload, in bytes; 1 MiB by default, at most `largestPayloadBytes`.
    public var payloadBytes = 1 << 20
    /// The largest result, in bytes; 64 KiB by default, at most `largestResultBytes`.
    public var resultBytes = 64 << 10
    /// The most tags on a job; 16 by default.
    public var tags = 16

    /// The limits of a new queue: the defaults above.
    public init() {}

    /// The most that `payloadBytes` may be: 128 such jobs come in one reply to a claim, and that must not cost the connection.
    public static let largestPayloadBytes = 3 << 20
    /// The most that `resultBytes` may be: 512 settlements with such results leave together.
    public static let largestResultBytes = 96 << 10

    func check() throws(SpanQueueError) {
        guard (0...Self.largestPayloadBytes).contains(payloadBytes) else {
            throw .invalidArgument(
                "a limit of \(payloadBytes) bytes for payloads: use 0 to \(Self.largestPayloadBytes), and store more elsewhere"
            )
        }
        guard (0...Self.largestResultBytes).contains(resultBytes) else {
            throw .invalidArgument(
                "a limit of \(resultBytes) bytes for results: use 0 to \(Self.largestResultBytes), and store more elsewhere"
            )
        }
    }

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
