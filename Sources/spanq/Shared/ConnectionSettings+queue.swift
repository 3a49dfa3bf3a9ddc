import Logging
import SpanQueue
import SpanQueueRedis
import SpanQueueTelemetry

extension ConnectionSettings {
    /// Lines to stderr, so that stdout is for results alone.
    func logger() -> Logger {
        var logger = Logger(label: "spanq") { LineLogHandler(label: $0, format: logFormat) }
        logger.logLevel = logLevel
        return logger
    }

    /// Runs something with a connected queue, and closes it whatever happens.
    func withQueue<Result>(
        telemetry: JobTelemetry, logger: Logger? = nil, _ body: (JobQueue) async throws -> Result
    ) async throws -> Result {
        let queue = try await JobQueue(
            engine: .redis(redisURL, engine), telemetry: telemetry, logger: logger ?? self.logger())
        do {
            let result = try await body(queue)
            await queue.shutdown()
            return result
        } catch {
            await queue.shutdown()
            throw error
        }
    }
}
