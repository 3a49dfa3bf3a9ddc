import Foundation
import Logging
import ModelDriver
import RedisServerFixture
import SpanQueue
import SpanQueueRedis

extension EngineUnderTest {
    /// The Redis engine, on one server for all tests: each has a queue of its own. Time passes by waiting.
    static let redis = EngineUnderTest(name: "redis", passesHours: false) {
        let running = try await server.value
        let source = EngineSource.redis(
            isRestricted ? running.restrictedURL : running.url, scripts: try scripts.get())
        let engine = try source.make(EngineEnvironment(logger: Logger(label: "conformance")))
        return (engine, { try await Task.sleep(for: $0) })
    }

    /// Whether the suite runs as the user of `deploy/redis/users.acl`, who has the least rights, instead of one who may do all.
    private static let isRestricted = ProcessInfo.processInfo.environment["SPANQ_TEST_ACL"] == "1"

    /// The scripts under test: those in the binary, unless Scripts/mutants asks for others.
    private static let scripts = Result {
        try ProcessInfo.processInfo.environment["SPANQ_TEST_SCRIPTS"].map(Scripts.replaced(from:)) ?? .embedded
    }

    /// Started by the first test that needs it; it ends with this process.
    private static let server = Task {
        isRestricted ? try await RedisServer.startRestricted() : try await RedisServer.start()
    }
}
