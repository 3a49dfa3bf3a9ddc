/// How long the record of a finished job is kept.
public struct Retention: Sendable, Hashable {
    package enum Kind: Sendable, Hashable {
        case standard, none
        case duration(Duration)
    }

    package let kind: Kind

    /// As the engine is configured; by default one hour and at most 10,000 jobs a queue.
    public static let standard = Retention(kind: .standard)
    /// Not at all: it is forgotten the moment it completes.
    public static let none = Retention(kind: .none)

    /// For this long, whatever the number of others.
    public static func duration(_ duration: Duration) -> Retention { Retention(kind: .duration(duration)) }

    /// How long, where it was said; nil for `standard` and `none`.
    public var duration: Duration? {
        if case .duration(let duration) = kind { duration } else { nil }
    }
}
