/// Standard bounds of histogram buckets, in seconds.
public enum MetricBuckets {
    /// How long jobs wait and run: 1 ms to 1 h.
    public static let jobSeconds: [Double] = [
        0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600,
    ]

    /// Round trips of an engine: 50 µs to 10 s.
    public static let roundTripSeconds: [Double] = [
        0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
    ]

    static func check(_ bounds: [Double], of family: String) throws(MetricsError) {
        let isRising = zip(bounds, bounds.dropFirst()).allSatisfy { $0 < $1 }
        guard let first = bounds.first, let last = bounds.last, isRising, first >= 0, last < .infinity else {
            throw MetricsError(
                .invalidBuckets, family,
                "bounds are at least one finite number, none negative, each above the one before; +Inf is added")
        }
    }
}
