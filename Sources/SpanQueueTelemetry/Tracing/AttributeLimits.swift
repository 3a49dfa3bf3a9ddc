/// How many attributes something may carry, and how long their texts may be.
public struct AttributeLimits: Sendable, Hashable {
    /// The most attributes; those set after them are dropped and counted.
    public var count: Int
    /// The most Unicode scalars of a text; longer ones are cut. Nil for any number.
    public var valueLength: Int?

    /// Makes limits; those of OpenTelemetry unless others are given.
    public init(count: Int = 128, valueLength: Int? = nil) {
        self.count = count
        self.valueLength = valueLength
    }
}
