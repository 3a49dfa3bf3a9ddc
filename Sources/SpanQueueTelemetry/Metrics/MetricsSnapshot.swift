// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

/// Every series of a registry with its value at one moment: what the exposition formats and the OTLP encoder read.
///
/// A snapshot is a value; nothing in it changes when recording goes on. Families come in the order of their names and
/// points in the order of their label values, so two snapshots of the same state are equal.
package struct MetricsSnapshot: Sendable, Hashable {
    /// The families, in the order of their names.
    package var families: [MetricFamilySnapshot]
    /// When the snapshot was taken, in nanoseconds since the Unix epoch: `timeUnixNano` of each OTLP point.
    package var timeUnixNanoseconds: UInt64

    /// Makes a snapshot of its parts.
    package init(families: [MetricFamilySnapshot], timeUnixNanoseconds: UInt64) {
        self.families = families
        self.timeUnixNanoseconds = timeUnixNanoseconds
    }
}

/// One family of a snapshot: a name, what it means, and its points.
package struct MetricFamilySnapshot: Sendable, Hashable {
    /// The OpenMetrics family name, without the suffix (`_total`, `_info`) that the sample of a counter or info carries.
    package var name: String
    /// The name under which OTLP exports the family: `sampleName` unless the definition says another, such as the dotted name
    /// of a semantic convention.
    package var openTelemetryName: String
    /// What the family means, for a person.
    package var help: String
    /// The unit in OpenMetrics words (`seconds`, `bytes`), empty where there is none. The name ends with it.
    package var unit: String
    /// The kind of its points.
    package var kind: MetricKind
    /// One point a series, in the order of their label values.
    package var points: [MetricPoint]

    /// Makes a family of its parts.
    package init(
        name: String, openTelemetryName: String? = nil, help: String, unit: String = "", kind: MetricKind,
        points: [MetricPoint]
    ) {
        self.name = name
        self.openTelemetryName = openTelemetryName ?? name + kind.sampleSuffix
        self.help = help
        self.unit = unit
        self.kind = kind
        self.points = points
    }

    /// The name under which Prometheus knows its series: `_total` on a counter, `_info` on an info.
    package var sampleName: String { name + kind.sampleSuffix }

    /// Every name that a sample of the family can have.
    var sampleNames: [String] {
        switch kind {
        case .counter, .info: [name, sampleName]
        case .gauge: [name]
        case .histogram: [name, name + "_bucket", name + "_sum", name + "_count"]
        }
    }
}

/// The kinds of metric that a registry holds.
package enum MetricKind: Sendable, Hashable, CaseIterable {
    /// A value that only rises, from 0 at its start time. OTLP: a monotonic cumulative sum.
    case counter
    /// A value that goes up and down.
    case gauge
    /// Counts of observations in explicit buckets, with their sum. OTLP: a cumulative histogram.
    case histogram
    /// The constant 1, whose labels are what is said. OTLP: a gauge.
    case info

    /// What the sample's name carries behind the family's.
    var sampleSuffix: String {
        switch self {
        case .counter: "_total"
        case .info: "_info"
        case .gauge, .histogram: ""
        }
    }

    /// The word after the name in an OpenMetrics TYPE line.
    var openMetricsType: String {
        switch self {
        case .counter: "counter"
        case .gauge: "gauge"
        case .histogram: "histogram"
        case .info: "info"
        }
    }

    /// The word after the name in a TYPE line of text 0.0.4, which does not know of info.
    var textType: String { self == .info ? "gauge" : openMetricsType }
}

/// One series of a snapshot with its value.
package struct MetricPoint: Sendable, Hashable {
    /// The labels that tell it from the other points of its family.
    package var labels: MetricLabels
    /// The value.
    package var value: MetricValue
    /// Since when a counter or a histogram has counted, in nanoseconds since the Unix epoch: `startTimeUnixNano` in OTLP.
    package var startUnixNanoseconds: UInt64
    /// The last exemplar of a counter; a histogram has its own, one a bucket.
    package var exemplar: MetricExemplar?

    /// Makes a point of its parts.
    package init(
        labels: MetricLabels, value: MetricValue, startUnixNanoseconds: UInt64 = 0, exemplar: MetricExemplar? = nil
    ) {
        self.labels = labels
        self.value = value
        self.startUnixNanoseconds = startUnixNanoseconds
        self.exemplar = exemplar
    }
}

/// The value of a point.
package enum MetricValue: Sendable, Hashable {
    /// A counter of whole things, or a gauge that a collector read as a whole number. `asInt` in OTLP.
    case integer(Int64)
    /// A floating counter or a gauge. `asDouble` in OTLP.
    case double(Double)
    /// A histogram.
    case histogram(HistogramValue)
}

/// What a histogram had counted at one moment.
package struct HistogramValue: Sendable, Hashable {
    /// The upper bounds of the buckets, inclusive, rising, without +Inf: `explicitBounds` in OTLP.
    package var bounds: [Double]
    /// Observations in each bucket alone, not cumulative; one more entry than `bounds`, the last being those above every
    /// bound: `bucketCounts` in OTLP.
    package var bucketCounts: [UInt64]
    /// The sum of all observations. One that was being recorded while the snapshot was taken may be in the buckets and not
    /// yet in the sum.
    package var sum: Double
    /// The last exemplar of each bucket; empty where the family keeps none, else one entry for each of `bucketCounts`.
    package var exemplars: [MetricExemplar?]

    /// Makes a value of its parts.
    package init(bounds: [Double], bucketCounts: [UInt64], sum: Double, exemplars: [MetricExemplar?] = []) {
        self.bounds = bounds
        self.bucketCounts = bucketCounts
        self.sum = sum
        self.exemplars = exemplars
    }

    /// How many observations there were: the sum of the buckets, hence always what the +Inf bucket says.
    package var count: UInt64 { bucketCounts.reduce(0, &+) }
}

/// One observation that was made within a sampled span.
package struct MetricExemplar: Sendable, Hashable {
    /// The span's trace.
    package var traceID: TraceID
    /// The span.
    package var spanID: SpanID
    /// What was observed, or by how much a counter rose.
    package var value: Double
    /// When, in nanoseconds since the Unix epoch.
    package var timeUnixNanoseconds: UInt64

    /// Makes an exemplar of its parts.
    package init(traceID: TraceID, spanID: SpanID, value: Double, timeUnixNanoseconds: UInt64) {
        self.traceID = traceID
        self.spanID = spanID
        self.value = value
        self.timeUnixNanoseconds = timeUnixNanoseconds
    }
}
