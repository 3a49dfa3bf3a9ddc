import Foundation
import ModelDriver
import SpanQueueRedis

extension Stage {
    /// Whether these tests can run on the server at hand. On Debian's redis-server they must; another one, which `SPANQ_REDIS_SERVER` names,
    /// may be linked statically, and then its clock cannot be moved.
    @Sendable static func canMoveClock() async -> Bool {
        guard ProcessInfo.processInfo.environment["SPANQ_REDIS_SERVER"] != nil else { return true }
        guard let stage = try? await Stage.start() else { return false }
        await stage.stop()
        return true
    }

    /// An empty server with the scripts under test: those in the binary, unless Scripts/mutants asks for others.
    static func startUnderTest() async throws -> Stage {
        let directory = ProcessInfo.processInfo.environment["SPANQ_TEST_SCRIPTS"]
        let stage = try await Stage.start(scripts: try directory.map(Scripts.replaced(from:)) ?? .embedded)
        try await stage.reset()
        return stage
    }
}
