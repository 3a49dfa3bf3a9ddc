/// Why a job became a dead letter.
public struct DeadReason: RawRepresentable, Sendable, Hashable, Codable, CustomStringConvertible {
    /// A word of lower-case letters and underscores.
    public let rawValue: String

    /// Takes a reason by its word.
    public init(rawValue: String) {
        self.rawValue = rawValue
    }

    /// The word.
    public var description: String { rawValue }

    /// It failed as often as it may.
    public static let attemptsExhausted = DeadReason(rawValue: "attempts_exhausted")
    /// Its handler said that trying again is of no use.
    public static let permanent = DeadReason(rawValue: "permanent")
    /// Its payload, or its record, can't be read.
    public static let decodeError = DeadReason(rawValue: "decode_error")
    /// No worker that saw it had a handler for its type.
    public static let unknownJobType = DeadReason(rawValue: "unknown_job_type")
    /// Its worker died, or lost the lease, too many times: a poison pill.
    public static let leaseExpired = DeadReason(rawValue: "lease_expired")
    /// Its deadline passed.
    public static let expired = DeadReason(rawValue: "expired")
    /// A person buried it.
    public static let manual = DeadReason(rawValue: "manual")
}
