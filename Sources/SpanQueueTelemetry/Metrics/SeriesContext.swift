internal import CoreMetrics

/// What a series gets from its family when it is made.
struct SeriesContext: Sendable {
    let definition: FamilyDefinition
    let labels: MetricLabels
    let tally: FamilyTally
    let exemplarFilter: ExemplarFilter
    var isEnabled = true
    let startUnixNanoseconds: UInt64
    var mirror: (any MetricsFactory)?

    /// The series' labels as swift-metrics calls them.
    var dimensions: [(String, String)] { labels.pairs.map { ($0.attributeName, $0.value) } }
}
