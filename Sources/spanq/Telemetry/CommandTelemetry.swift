import Foundation
import Logging
import SpanQueue
import SpanQueueTelemetry

/// What a process of `spanq` reports, and where to: a registry, and the exporters that the `OTEL_…` variables ask for.
struct CommandTelemetry: Sendable {
    let registry: MetricsRegistry
    let telemetry: Telemetry
    let jobs: JobTelemetry

    init(environment: [String: String] = ProcessInfo.processInfo.environment, logger: Logger) throws {
        let (configuration, warnings) = TelemetryConfiguration.fromEnvironment(environment, program: "spanq")
        for warning in warnings { logger.warning("\(warning)") }
        var settings = MetricsRegistryConfiguration()
        settings.exemplarFilter = configuration.exemplarFilter
        let registry = MetricsRegistry(settings)
        self.registry = registry
        telemetry = Telemetry(configuration, logger: logger) { await registry.collect() }
        jobs = JobTelemetry(
            registry: registry, tracer: telemetry.tracer,
            slowAttempt: environment["SPANQ_SLOW_ATTEMPT"].flatMap { $0.isEmpty ? nil : DurationText.parse($0) })
    }

    /// Everything that stands on a page of /metrics beside the jobs.
    func registerPage(of queue: JobQueue) throws {
        try ProcessMetrics.register(in: registry)
        try ProcessMetrics.registerBuildInfo(version: SpanQueueVersion.text, in: registry)
        try ExporterMetrics.register(telemetry, in: registry)
        try SharedGauges.register(queue, on: registry)
    }
}
