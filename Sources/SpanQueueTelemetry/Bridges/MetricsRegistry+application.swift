internal import CoreMetrics

extension MetricsRegistry {
    /// That of the process: SpanQueue records into it unless it is given another one.
    public static let standard = MetricsRegistry(.alongsideApplication())
}

extension MetricsRegistryConfiguration {
    /// The defaults, and where the application has bootstrapped swift-metrics with a backend of its own, that backend as a second
    /// place to record into.
    public static func alongsideApplication() -> MetricsRegistryConfiguration {
        var configuration = MetricsRegistryConfiguration()
        let factory = MetricsSystem.factory
        let isForeign = !(factory is NOOPMetricsHandler) && !(factory is SwiftMetricsFactory)
        configuration.mirror = isForeign ? factory : nil
        return configuration
    }
}
