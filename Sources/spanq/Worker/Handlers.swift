import SpanQueue
import SpanQueueHandlers
import SpanQueueTelemetry

/// The handlers that the settings name.
struct Handlers {
    private let programs: [(pattern: String, handler: ExecHandler)]
    private let deliveries: [(pattern: String, handler: @Sendable (RawJob, JobContext) async throws -> Void)]
    private let delivery: HTTPDelivery?
    private let execTimeout: Duration?

    /// - Throws: a usage error for a command or URL that can't be used.
    init(_ settings: WorkerSettings) throws {
        programs = try settings.exec.map { rule in
            try Self.naming("--exec", rule) {
                (rule.pattern, try ExecHandler(command: rule.target, configuration: settings.execConfiguration))
            }
        }
        let delivery = settings.http.isEmpty ? nil : HTTPDelivery(configuration: settings.httpConfiguration)
        deliveries = try settings.http.compactMap { rule in
            try Self.naming("--http", rule) {
                try delivery.map { (rule.pattern, try $0.handler(settings.route(of: rule))) }
            }
        }
        self.delivery = delivery
        execTimeout = settings.execTimeout
    }

    func register(with worker: Worker) throws(SpanQueueError) {
        for (pattern, handler) in programs {
            guard let execTimeout else {
                try worker.handle(pattern) { job, context in try await handler.run(job, context) }
                continue
            }
            try worker.handle(pattern) { job, context in
                let done: Void? = try await TimeLimit.run(execTimeout) { try await handler.run(job, context) }
                guard done != nil else {
                    throw SpanQueueError(
                        .timeout, "the attempt took longer than \(DurationText.format(execTimeout))")
                }
            }
        }
        for (pattern, handler) in deliveries { try worker.handle(pattern, handler) }
    }

    func shutdown() async {
        await delivery?.shutdown()
    }

    private static func naming<Value>(_ flag: String, _ rule: HandlerRule, _ body: () throws -> Value) throws -> Value {
        do {
            return try body()
        } catch let error as SpanQueueError {
            throw CommandFailure.usage("\(flag) for \(rule.pattern): \(error.message)")
        }
    }
}
