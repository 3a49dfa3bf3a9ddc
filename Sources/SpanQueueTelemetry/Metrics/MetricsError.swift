/// Why a family could not be registered.
public struct MetricsError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What was wrong.
    public enum Code: Sendable, Hashable, CaseIterable {
        /// The name does not match `[a-zA-Z_:][a-zA-Z0-9_:]*`.
        case invalidName
        /// The name does not end with the unit, as OpenMetrics asks.
        case unitNotInName
        /// A label's name does not match `[a-zA-Z_][a-zA-Z0-9_]*`.
        case invalidLabelName
        /// A label is called `le`, `quantile` or `__…`, which Prometheus keeps for itself.
        case reservedLabelName
        /// A label's name is there twice.
        case duplicateLabelName
        /// The bounds of a histogram are not at least one finite number, none negative, each above the one before.
        case invalidBuckets
        /// A family of this name exists with another kind, number, unit, labels or buckets.
        case differentShape
        /// Another family already has samples of a name that this one would have (`x_count` of histogram `x`).
        case nameTaken
        /// The registry holds as many families as it may.
        case tooManyFamilies
        /// A collector gave a counter a value that no counter can have.
        case invalidValue
        /// A collector of this name exists.
        case collectorExists
    }

    /// What was wrong.
    public let code: Code
    /// The family or collector it was about.
    public let name: String
    /// What was wrong and what to do, for a person.
    public let message: String

    init(_ code: Code, _ name: String, _ message: String) {
        self.code = code
        self.name = name
        self.message = message
    }

    /// The message with the name it is about.
    public var description: String { "metric '\(name)': \(message)" }
}
