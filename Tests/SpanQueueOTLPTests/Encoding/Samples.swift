// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

@testable import SpanQueueOTLP
@testable import SpanQueueTelemetry

/// Telemetry that has something of everything, and much that is hard to write.
enum Samples {
    static let resource = TelemetryResource(attributes: ["service.name": "tests", "process.pid": 7])
    static let root = TraceContext(
        traceID: .random(), spanID: .random(), flags: 0b11, traceState: "a=1,b@c=2")
    static let hostileText = "\u{0}\u{1}\u{1F}\"\\/\n\r\t\u{7F}\u{2028}é𝄞🇩🇪 </script>"

    static let everyValue: Attributes = [
        "string": .string(hostileText), "empty": "", "yes": true, "no": false, "zero": 0, "min": .int(Int64.min),
        "max": .int(Int64.max), "double": 1.5, "nothing": 0.0, "tiny": .double(.leastNonzeroMagnitude), "large": 1e300,
        "nan": .double(.nan),
        "infinity": .double(.infinity), "minus": .double(-.infinity), "strings": .strings(["a", ""]),
        "none": .strings([]),
        "bools": .bools([true, false]), "ints": .ints([0, -1]), "doubles": .doubles([0, .nan]),
        "key \"\\\u{1}": 1,
    ]

    static var fullSpan: SpanData {
        let context = TraceContext(traceID: root.traceID, spanID: .random(), flags: 0b11, traceState: "a=1")
        var span = SpanData(
            name: hostileText, kind: .consumer, context: context, parent: root.spanID, isParentRemote: true,
            startNanoseconds: 1_700_000_000_000_000_001, endNanoseconds: 1_700_000_000_000_000_002,
            attributes: everyValue,
            links: [SpanData.Link(root, isRemote: true, attributes: everyValue), SpanData.Link(.root())],
            status: .error(hostileText))
        span.events = [
            SpanData.Event("e", atNanoseconds: 3, attributes: everyValue), SpanData.Event("f", atNanoseconds: 4),
        ]
        span.events[0].droppedAttributes = 9
        span.links[0].droppedAttributes = 8
        (span.droppedAttributes, span.droppedEvents, span.droppedLinks) = (1, 2, 3)
        return span
    }

    static var smallSpan: SpanData {
        SpanData(name: "enqueue q", kind: .producer, context: .root(), startNanoseconds: 1, endNanoseconds: 1)
    }

    /// What a worker exports for an attempt.
    static var typicalSpan: SpanData {
        SpanData(
            name: "process emails", kind: .consumer, context: root.child(), parent: root.spanID, isParentRemote: true,
            startNanoseconds: 1_763_692_800_123_456_789, endNanoseconds: 1_763_692_800_223_456_789,
            attributes: [
                "messaging.system": "spanqueue", "messaging.destination.name": "emails",
                "messaging.operation.name": "process", "messaging.operation.type": "process",
                "messaging.message.id": "0193e2b0-5d5c-7e3a-8f4e-1c2d3e4f5a6b", "messaging.client.id": "host-1-4242",
                "spanq.job.type": "email:welcome", "spanq.job.attempt": 1,
            ],
            links: [SpanData.Link(root, isRemote: true)])
    }

    static var snapshot: MetricsSnapshot {
        let exemplar = MetricExemplar(
            traceID: root.traceID, spanID: root.spanID, value: 0.2, timeUnixNanoseconds: 1_700_000_000_000_000_000)
        let labels = MetricLabels([
            MetricLabel("queue", hostileText, attributeName: "messaging.destination.name"), MetricLabel("a", ""),
            MetricLabel("b", "second", attributeName: "a"),
        ])
        let histogram = HistogramValue(
            bounds: [0.1, 1], bucketCounts: [0, 1, 2], sum: 0, exemplars: [nil, exemplar, nil])
        let start: UInt64 = 1_600_000_000_000_000_000
        return MetricsSnapshot(
            families: [
                MetricFamilySnapshot(
                    name: "spanq_a", help: "A.", kind: .counter,
                    points: [
                        MetricPoint(
                            labels: labels, value: .integer(0), startUnixNanoseconds: start, exemplar: exemplar),
                        MetricPoint(labels: .none, value: .integer(.max), startUnixNanoseconds: start),
                    ]),
                MetricFamilySnapshot(
                    name: "spanq_b_seconds", help: "", unit: "seconds", kind: .gauge,
                    points: [
                        MetricPoint(labels: .none, value: .double(0)),
                        MetricPoint(labels: labels, value: .double(.nan)),
                    ]),
                MetricFamilySnapshot(
                    name: "spanq_c", openTelemetryName: "c.d", help: "C.", unit: "bytes", kind: .histogram,
                    points: [
                        MetricPoint(labels: labels, value: .histogram(histogram), startUnixNanoseconds: start),
                        MetricPoint(
                            labels: .none, value: .histogram(HistogramValue(bounds: [], bucketCounts: [0], sum: 0)),
                            startUnixNanoseconds: start),
                    ]),
                MetricFamilySnapshot(
                    name: "build", help: "", kind: .info, points: [MetricPoint(labels: labels, value: .integer(1))]),
                MetricFamilySnapshot(name: "empty", help: "", kind: .gauge, points: []),
            ], timeUnixNanoseconds: 1_700_000_000_000_000_000)
    }
}
