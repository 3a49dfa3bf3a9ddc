import Logging
import ServiceLifecycle
import SpanQueue
import SpanQueueServer
import SpanQueueTelemetry

/// The services that show what a worker or a server process does.
struct Observability {
    /// How long a worker may get no answers, while Redis answers, until /livez says so.
    static let fetchLimit = Duration.minutes(1)

    let server: MetricsServer
    /// List these first: they are stopped last.
    let services: [any Service]
    /// List this last: it is the first to know of a stop.
    var drainNotice: any Service { server.drainNotice }

    /// - Parameter fetchLimit: how long a worker may fail to claim until /livez says so; nil for a process that claims nothing.
    init(
        _ telemetry: CommandTelemetry, queue: JobQueue, listen: ListenChoice, fetchLimit: Duration?, logger: Logger
    ) throws {
        try telemetry.registerPage(of: queue)
        var health = HealthChecks(ready: [.engine(queue)])
        if let fetchLimit {
            health.live.append(.fetching(queue, within: fetchLimit))
        }
        func makeServer(_ address: ListenAddress) -> MetricsServer {
            MetricsServer(address: address, registry: telemetry.registry, health: health, logger: logger) {
                try await QueueStatistics.read(queue)
            }
        }
        let server = makeServer(listen.address)
        do throws(SpanQueueError) {
            // A port that can't be had is an error now, and not after the first job.
            try server.start()
            self.server = server
        } catch {
            // Nobody asked for this port: a second worker on a machine works, and says that it can't be seen.
            guard !listen.isGiven, listen.yields else {
                let exit = CommandExit(error.code)
                throw CommandFailure(code: exit == .unreachable ? .addressTaken : exit, message: error.message)
            }
            logger.warning("not serving /metrics: \(error.message)")
            self.server = makeServer(.off)
        }
        services = [telemetry.telemetry, self.server]
    }
}
