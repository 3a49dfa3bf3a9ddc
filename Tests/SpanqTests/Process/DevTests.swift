// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import RedisServerFixture
import SpanQueueServer
import SpanQueueTelemetry
import Testing

@Suite("spanq dev", .serialized)
struct DevTests {
    private func start(_ arguments: [String] = []) async throws -> (FaultedRun, redis: String, page: [String: Any]) {
        let run = try FaultedRun(["dev", "--json"] + arguments)
        try await until("its greeting") { run.output.hasSuffix("\n") }
        let page = try JSONSerialization.jsonObject(with: Data(run.output.utf8)) as? [String: Any] ?? [:]
        return (run, try #require(page["redis_url"] as? String), page)
    }

    @Test("takes a free port where 9464 is taken, and prints the one it has")
    func takenPort() async throws {
        let other = MetricsServer(address: .standard, registry: MetricsRegistry())
        // Someone else may have it already, which serves as well.
        try? other.start()
        let (run, _, page) = try await start(["--no-demo-jobs"])
        let url = try #require(page["metrics_url"] as? String)
        #expect(url.hasPrefix("http://127.0.0.1:") && !url.contains(":9464/"))
        let health = try await CommandRun.spanq("health", "--url", url.replacing("/metrics", with: "/readyz"))
        #expect(health.code == 0, "\(health.errors)")
        run.signal(SIGTERM)
        #expect(try await run.ended() == 0)
    }

    @Test("works over TLS where it is told to, and lets nobody in who has no certificate of it")
    func tls() async throws {
        let (run, redis, page) = try await start(["--listen", "none", "--tls"])
        #expect(redis.hasPrefix("rediss://localhost:"))
        let folder = try #require(page["tls_directory"] as? String)
        let ca = ["SPANQ_REDIS_TLS_CA": folder + "/ca.crt"]
        let ours = ["SPANQ_REDIS_TLS_CERT": folder + "/client.crt", "SPANQ_REDIS_TLS_KEY": folder + "/client.key"]
        try await until("demo jobs") {
            let stats = try await CommandRun.spanq(
                "job", "list", "--queue", "demo", "--state", "completed", redis: redis,
                environment: ca.merging(ours) { $1 })
            #expect(stats.code == 0, "\(stats.errors)")
            return !stats.output.isEmpty
        }
        let refused = try await CommandRun.spanq("queue", "list", redis: redis, environment: ca)
        #expect(refused.code == 4 && refused.errors.contains("client certificate"), "\(refused.errors)")
        run.signal(SIGTERM)
        #expect(try await run.ended() == 0)
        #expect(!FileManager.default.fileExists(atPath: folder))
    }

    @Test("leaves the queue default to a worker of yours, and has its own jobs in demo")
    func ownQueue() async throws {
        let (run, redis, _) = try await start(["--listen", "none"])
        _ = try await CommandRun.spanq("enqueue", "email:welcome", "--id", "mine", redis: redis)
        try await until("demo jobs") { try await count("completed", of: "demo", redis) > 2 }
        let waiting = try await CommandRun.spanq("job", "show", "mine", "--json", redis: redis)
        #expect(waiting.object["state"] as? String == "ready")
        #expect((waiting.object["attempts"] as? [Any])?.isEmpty == true)
        let once = try await CommandRun.spanq("worker", "--once", "--exec", "email:*=cat", redis: redis)
        #expect(once.output == "1 completed\n")
        run.signal(SIGTERM)
        #expect(try await run.ended() == 0)
    }

    @Test("shows what becomes of a job that somebody enqueues, and not of its own trickle")
    func showsJobs() async throws {
        let (run, redis, _) = try await start(["--listen", "none"])
        _ = try await CommandRun.spanq("enqueue", "demo:hello", "--id", "mine", "--queue", "demo", redis: redis)
        try await until("two lines of it") {
            ["job started", "job done"].allSatisfy { word in
                run.errors.split(separator: "\n").contains {
                    $0.contains("msg=\"\(word)\"") && $0.contains("job_id=mine")
                }
            }
        }
        try await until("demo jobs") { try await count("completed", of: "demo", redis) > 2 }
        #expect(run.errors.split(separator: "\n").filter { $0.contains("job started") }.count == 1)
        run.signal(SIGTERM)
        #expect(try await run.ended() == 0)
    }

    @Test("a worker tells of jobs at debug, and not at info", arguments: ["debug", "info"])
    func worker(level: String) async throws {
        let server = try await RedisServer.start()
        defer { server.stop() }
        _ = try await CommandRun.spanq("enqueue", "a", "--id", "j", redis: server.url)
        let run = try await CommandRun.spanq(
            "worker", "--once", "--exec", "a=true", "--log-level", level, redis: server.url)
        let lines = run.errors.split(separator: "\n").filter { $0.contains("job_id=j") }
        #expect(lines.count == (level == "debug" ? 2 : 0), "\(run.errors)")
    }
}
