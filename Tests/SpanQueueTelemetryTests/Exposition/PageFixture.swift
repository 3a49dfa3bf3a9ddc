// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

@testable import SpanQueueTelemetry

/// Snapshots to write pages of.
enum PageFixture {
    static let exemplar = MetricExemplar(
        traceID: TraceID(nonZeroLow: 0xa2fb_4a1d_1a96_d313, high: 0x5b8a_a5a2_d2c8_72e8),
        spanID: SpanID(0x051_581b_f3cb_55c13) ?? .random(), value: 0.04, timeUnixNanoseconds: 1_520_879_607_789_654_321)

    /// One family of each kind, with everything that wants escaping.
    static var everything: MetricsSnapshot {
        let start: UInt64 = 1_520_872_607_123_000_000
        let awkward = MetricLabels([
            MetricLabel("queue", "de\"fa\\ult\n"), MetricLabel("job_type", "email:wélcome"),
        ])
        return MetricsSnapshot(
            families: [
                MetricFamilySnapshot(
                    name: "busy_seconds", help: "Time \"busy\", \\ and\nmore.", unit: "seconds", kind: .counter,
                    points: [
                        MetricPoint(
                            labels: .none, value: .double(12.25), startUnixNanoseconds: start, exemplar: exemplar)
                    ]),
                MetricFamilySnapshot(
                    name: "depth", help: "Jobs.", kind: .gauge,
                    points: [
                        MetricPoint(labels: awkward, value: .double(-.infinity)),
                        MetricPoint(
                            labels: MetricLabels([MetricLabel("queue", ""), MetricLabel("job_type", "a")]),
                            value: .double(.nan)),
                    ]),
                MetricFamilySnapshot(name: "empty", help: "No series.", kind: .gauge, points: []),
                MetricFamilySnapshot(
                    name: "spanq_build", help: "Build.", kind: .info,
                    points: [MetricPoint(labels: MetricLabels([MetricLabel("version", "1.0")]), value: .integer(1))]),
                MetricFamilySnapshot(
                    name: "wait_seconds", help: "Wait.", unit: "seconds", kind: .histogram,
                    points: [
                        MetricPoint(
                            labels: MetricLabels([MetricLabel("queue", "q")]),
                            value: .histogram(
                                HistogramValue(
                                    bounds: [0.000_05, 0.05, 1, 3600], bucketCounts: [0, 2, 1, 0, 4], sum: 1e17,
                                    exemplars: [nil, exemplar, nil, nil, nil])),
                            startUnixNanoseconds: start)
                    ]),
            ], timeUnixNanoseconds: start)
    }

    static func page(_ snapshot: MetricsSnapshot, _ format: ExpositionFormat, created: Bool = false) -> String {
        var writer = ExpositionWriter()
        writer.includesCreated = created
        writer.write(snapshot, as: format)
        return String(decoding: writer.bytes, as: UTF8.self)
    }
}
