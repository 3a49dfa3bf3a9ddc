import Foundation
import Logging
import RedisServerFixture
import SpanQueue
import SpanQueueRedis

extension EngineUnderTest {
    /// The Redis engine, on one server for all tests: each has a queue of its own. Time passes by waiting.
    static let redis = EngineUnderTest(name: "redis", passesHours: false) {
        let running = try await server.value
        let engine = try EngineSource.redis(running.url).make(EngineEnvironment(logger: Logger(label: "conformance")))
        return (engine, { try await Task.sleep(for: $0) })
    }

    /// Started by the first test that needs it; it ends with this process.
    private static let server = Task { try await RedisServer.start() }
}
