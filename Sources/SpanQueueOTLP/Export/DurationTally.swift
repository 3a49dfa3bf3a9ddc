/// Durations counted in buckets.
public struct DurationTally: Sendable, Hashable {
    /// The upper bounds of the buckets in seconds.
    public static let boundsSeconds: [Double] = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]

    /// How many fell into each bucket, not cumulative; the last one, beyond the bounds, is for the rest.
    public private(set) var buckets = [UInt64](repeating: 0, count: boundsSeconds.count + 1)
    /// How many there are.
    public private(set) var count: UInt64 = 0
    /// All together.
    public private(set) var sumSeconds = 0.0

    /// Makes a tally of nothing.
    public init() {}

    mutating func add(_ duration: Duration) {
        let (whole, fraction) = duration.components
        let seconds = Double(whole) + Double(fraction) * 1e-18
        buckets[Self.boundsSeconds.firstIndex { seconds <= $0 } ?? Self.boundsSeconds.count] += 1
        count += 1
        sumSeconds += seconds
    }
}
