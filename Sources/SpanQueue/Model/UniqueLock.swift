/// How long a unique job keeps others like it out.
public struct UniqueSpan: Sendable, Hashable {
    package enum Kind: Sendable, Hashable {
        case untilStarted, untilFinished
        case duration(Duration)
    }

    package let kind: Kind

    /// Until its first attempt is claimed.
    public static let untilStarted = UniqueSpan(kind: .untilStarted)
    /// Until it is completed, dead, cancelled or removed.
    public static let untilFinished = UniqueSpan(kind: .untilFinished)

    /// For this long from its enqueue, whatever happens to it.
    public static func duration(_ duration: Duration) -> UniqueSpan { UniqueSpan(kind: .duration(duration)) }

    /// How long, where it ends by time; nil for the others.
    public var duration: Duration? {
        if case .duration(let duration) = kind { duration } else { nil }
    }
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
