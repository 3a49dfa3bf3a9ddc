import Logging
import ServiceLifecycle
import SpanQueue
import SpanQueueServer
import SpanQueueTelemetry

/// The services that show what a worker or a server process does.
struct Observability {
    /// How long a worker may be unable to claim until /livez says so.
    static let fetchLimit = Duration.minutes(1)

    let server: MetricsServer
    /// List these first: they are stopped last.
    let services: [any Service]
    /// List this last: it is the first to know of a stop.
    var drainNotice: any Service { server.drainNotice }

    /// - Parameter fetchLimit: how long a worker may fail to claim until /livez says so; nil for a process that claims nothing.
    init(
        _ telemetry: CommandTelemetry, queue: JobQueue, listen: ListenAddress, fetchLimit: Duration?, logger: Logger
    ) throws {
        try telemetry.registerPage(of: queue)
        var health = HealthChecks(ready: [.engine(queue)])
        if let fetchLimit {
            health.live.append(
                .recent("worker", within: fetchLimit, "no claim was answered") { [jobs = telemetry.jobs] in
                    jobs.lastContact
                })
        }
        server = MetricsServer(address: listen, registry: telemetry.registry, health: health, logger: logger) {
            try await QueueStatistics.read(queue)
        }
        // A port that can't be had is an error now, and not after the first job.
        try server.start()
        services = [telemetry.telemetry, server]
    }
}
