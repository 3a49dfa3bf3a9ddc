// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

@testable import SpanQueueTelemetry

/// Fills registries at random.
enum RandomRegistry {
    static func fill(_ registry: MetricsRegistry) throws {
        let values = ["", "a", "le=\"1\"", "x\ny", "\\", "\"", "é😀", "} 1", "a b", "# {", " # "]
        func value() -> String { values.randomElement() ?? "" }
        func source() -> ExemplarSource {
            ExemplarSource(traceID: .random(), spanID: .random(), isSampled: Bool.random())
        }
        for index in 0..<Int.random(in: 0...8) {
            let counter = try registry.counter(
                "c\(index)_total", help: "H" + value(), labels: ["a", "b"], exemplars: true)
            let gauge = try registry.gauge("g\(index)_bytes", help: "H" + value(), unit: "bytes", labels: ["a"])
            let bounds = Set((0..<Int.random(in: 1...20)).map { _ in Double.random(in: 0...1e7) }).sorted()
            let histogram = try registry.histogram(
                "h\(index)_seconds", help: "H" + value(), unit: "seconds", labels: ["a"], buckets: bounds,
                exemplars: true)
            for _ in 0..<Int.random(in: 0...20) {
                counter.child(value(), value()).increment(by: Int.random(in: 0...1_000_000), exemplar: source())
                gauge.child(value()).set(Double.random(in: -1e9...1e9))
                let series = histogram.child(value())
                for _ in 0..<20 {
                    let bound = bounds.randomElement() ?? 0
                    series.record(Bool.random() ? bound : Double.random(in: 0...2e7), exemplar: source())
                }
            }
        }
    }
}
