/// How long a unique job keeps others like it out.
public enum UniqueSpan: Sendable, Hashable {
    /// Until its first attempt is claimed.
    case untilStarted
    /// Until it is completed, dead, cancelled or removed.
    case untilFinished
    /// For this long from its enqueue, whatever happens to it.
    case duration(Duration)
}

/// A lock that a job takes at enqueue; while it is held, an enqueue with the same digest in the same queue is a duplicate.
public struct UniqueLock: Sendable, Hashable {
    /// Sixteen bytes: the start of the SHA-256 of what must be unique.
    public let digest: [UInt8]
    /// How long it is held.
    public let span: UniqueSpan

    package static let digestBytes = 16

    package init(digest: [UInt8], span: UniqueSpan) {
        self.digest = digest
        self.span = span
    }
}
