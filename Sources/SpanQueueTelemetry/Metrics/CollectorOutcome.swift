/// How one collector fared at one scrape.
struct CollectorOutcome: Sendable {
    let collector: MetricsCollector
    let families: [MetricFamilySnapshot]
    let succeeded: Bool
    let seconds: Double
}
