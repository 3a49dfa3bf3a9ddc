/// A distribution in four figures, in milliseconds.
package struct Percentiles: Sendable, Encodable {
    /// Half of them took no longer.
    package var p50: Double
    /// All but 1 of 100 took no longer.
    package var p99: Double
    /// All but 1 of 1,000 took no longer.
    package var p999: Double
    /// The longest.
    package var maximum: Double

    /// Nil where there are none.
    init?(milliseconds values: [Double]) {
        guard !values.isEmpty else { return nil }
        let sorted = values.sorted()
        func at(_ share: Double) -> Double { sorted[min(sorted.count - 1, Int(share * Double(sorted.count)))] }
        p50 = at(0.5)
        p99 = at(0.99)
        p999 = at(0.999)
        maximum = sorted[sorted.count - 1]
    }
}
