import Logging
import ServiceLifecycle

extension BenchCommand {
    /// Runs something while this process exports what the `OTEL_…` variables ask for, and serves /metrics where it is told to.
    static func reporting(
        _ telemetry: CommandTelemetry, on listen: ListenChoice?, _ settings: ConnectionSettings, logger: Logger,
        _ body: () async throws -> Void
    ) async throws {
        guard let listen else { return try await run(body, beside: [telemetry.telemetry], telemetry) }
        try await settings.withQueue(telemetry: telemetry.jobs, logger: logger) { queue in
            let page = try Observability(telemetry, queue: queue, listen: listen, fetchLimit: nil, logger: logger)
            try await run(body, beside: page.services, telemetry)
        }
    }

    private static func run(
        _ body: () async throws -> Void, beside services: [any Service], _ telemetry: CommandTelemetry
    ) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for service in services { group.addTask { try await service.run() } }
            defer { group.cancelAll() }
            let result: Result<Void, any Error>
            do {
                result = .success(try await body())
            } catch {
                result = .failure(error)
            }
            await telemetry.endCommand()
            try result.get()
        }
    }
}
