// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import RedisServerFixture
import SpanQueue
import SpanQueueRedis

extension Scenario {
    static let restarts = Scenario("restarts", "redis-server killed and restarted, AOF everysec") { size in
        let (jobs, kills) = size == .full ? (20_000, 10) : (2_000, 2)
        return try await RedisStage.with(["--appendonly", "yes", "--appendfsync", "everysec"]) { stage in
            try stage.worker(concurrency: 16)
            try stage.worker(concurrency: 16)
            let producer = try stage.producer(count: jobs, pause: .milliseconds(size == .full ? 1 : 2))
            var resumed: [Duration] = []
            for _ in 0..<kills {
                try await Task.sleep(for: .seconds(1))
                try await stage.restartServer()
                // Redis answers from here on.
                resumed.append(try await time(until: "a completion", in: stage, .settled))
            }
            try await producer.waitUntilExit(within: .seconds(120))
            try await stage.drain(within: .seconds(60))
            let idle = try await idleAcrossRestart(stage)
            resumed.sort()
            let findings = try await stage.check()
            return findings.figures(extraRunsAtMost: kills * 32) + [
                .exactly("accepted", findings.accepted, jobs + 1),
                .exactly("enqueues that threw", stage.lines(.refused).count, 0),
                .atMost("resumed at the latest after", resumed.last ?? .zero, .seconds(3), slack: .seconds(2)),
                .atMost("idle and blocking workers after", idle, .seconds(3), slack: .seconds(2)),
            ]
        }
    }

    /// All workers wait, Redis is killed and restarted, and one job comes.
    private static func idleAcrossRestart(_ stage: RedisStage) async throws -> Duration {
        try await Task.sleep(for: .milliseconds(500))
        try await stage.restartServer()
        let answered = ContinuousClock.now
        let id = try await stage.enqueue(FaultJob())
        try await wait(for: "the job to complete", within: .seconds(20)) {
            try await stage.record(id).state == .completed
        }
        return ContinuousClock.now - answered
    }

    static let flushedScripts = Scenario("flushed-scripts", "SCRIPT FLUSH every 50 ms") { size in
        let jobs = size == .full ? 50_000 : 5_000
        return try await RedisStage.with { stage in
            try stage.worker(concurrency: 16)
            let producer = try stage.producer(count: jobs, pause: .milliseconds(size == .full ? 0 : 1))
            var flushes = 0
            while producer.isRunning {
                try await stage.redis.call("SCRIPT", "FLUSH")
                flushes += 1
                try await Task.sleep(for: .milliseconds(50))
            }
            try await stage.drain(within: .seconds(60))
            let findings = try await stage.check()
            return findings.figures(extraRunsAtMost: 0) + [
                .exactly("accepted", findings.accepted, jobs), .atLeast("flushes", flushes, 5),
                .exactly("enqueues that threw", stage.lines(.refused).count, 0),
                .exactly("settlements lost", stage.lines(.settleLost).count, 0),
            ]
        }
    }

    /// A script of a stranger that runs on: Redis answers BUSY. Then Redis is stopped altogether: it answers nothing. Then a
    /// restart with much to read: it answers LOADING.
    static let busyServer = Scenario("busy-server", "BUSY, a stopped redis-server, LOADING; each 1.5 s") { size in
        let jobs = size == .full ? 10_000 : 3_000
        let arguments = ["--appendonly", "yes", "--busy-reply-threshold", "100", "--key-load-delay", "50"]
        return try await RedisStage.with(arguments) { stage in
            try stage.worker(concurrency: 16, lease: .seconds(5))
            let producer = try stage.producer(count: jobs, pause: .milliseconds(size == .full ? 1 : 2))
            try await Task.sleep(for: .milliseconds(500))
            let stranger = try RawRedis(stage.server.url)
            async let busy = try? stranger.evaluate("while true do end")
            try await Task.sleep(for: .seconds(1.5))
            try await stage.redis.call("SCRIPT", "KILL")
            _ = await busy
            await stranger.close()
            let afterBusy = try await time(until: "a completion", in: stage, .settled)
            stage.server.signal(SIGSTOP)
            try await Task.sleep(for: .seconds(1.5))
            stage.server.signal(SIGCONT)
            let afterStop = try await time(until: "a completion", in: stage, .settled)
            try await stage.restartServer()
            try await wait(for: "the data to be loaded", within: .seconds(60)) {
                (try? await stage.redis.info("loading")) == "0"
            }
            let afterLoading = try await time(until: "a completion", in: stage, .settled)
            try await producer.waitUntilExit(within: .seconds(120))
            try await stage.drain(within: .seconds(60))
            let findings = try await stage.check()
            return findings.figures(extraRunsAtMost: 32) + [
                .exactly("accepted", findings.accepted, jobs),
                .exactly("enqueues that threw", stage.lines(.refused).count, 0),
                .atMost("resumed after BUSY", afterBusy, .seconds(3), slack: .seconds(2)),
                .atMost("after the stop", afterStop, .seconds(3), slack: .seconds(2)),
                .atMost("after LOADING", afterLoading, .seconds(3), slack: .seconds(2)),
            ]
        }
    }

    /// The primary hands over to a replica (`FAILOVER`), and turns read-only under its clients, which find the other through the proxy.
    static let failover = Scenario("failover", "READONLY after the promotion of a replica") { size in
        let jobs = size == .full ? 20_000 : 2_000
        let (first, second) = (try freePort(), try freePort())
        return try await RedisStage.with(["--port", "\(first)", "--repl-diskless-sync-delay", "0"]) { stage in
            let replica = try await RedisServer.start(["--port", "\(second)", "--replicaof", "127.0.0.1 \(first)"])
            defer { replica.stop() }
            let other = try RawRedis(replica.url)
            try await wait(for: "the replica", within: .seconds(20)) {
                try await other.info("master_link_status") == "up"
            }
            try stage.worker(stage.proxy.url, concurrency: 16, lease: .seconds(5))
            let producer = try stage.producer(stage.proxy.url, count: jobs, pause: .milliseconds(1))
            try await Task.sleep(for: .seconds(1))
            stage.proxy.redirect(to: .unix(replica.socketPath))
            try await promote(other, port: second, by: stage.redis)
            let resumed = try await time(until: "a completion", in: stage, .settled)
            try await producer.waitUntilExit(within: .seconds(120))
            let queue = try JobQueue(engine: .redis(replica.url, WorkerRole.keepsAll), logger: .silent)
            try await wait(for: "the queue to drain", within: .seconds(60)) {
                let counts = try await queue.counts(of: ["default"])[0]
                return counts[.ready] + counts[.scheduled] + counts[.active] + counts[.retrying] == 0
            }
            let findings = Checker.check(stage.lines, try await FinalState.read(queue, "default", other))
            await queue.shutdown()
            await other.close()
            return findings.figures(extraRunsAtMost: 16) + [
                .exactly("accepted", findings.accepted, jobs),
                .exactly("enqueues that threw", stage.lines(.refused).count, 0),
                .atMost("resumed after", resumed, .seconds(3), slack: .seconds(2)),
            ]
        }
    }

    /// Redis gives up a promotion by itself where the two do not agree in time on how far they are: then it is asked for again.
    private static func promote(_ replica: RawRedis, port: Int, by primary: RawRedis) async throws {
        try await wait(for: "the promotion", within: .seconds(60)) {
            if try await replica.info("role") == "master" { return true }
            // Refused while one is under way.
            _ = try? await primary.call("FAILOVER", "TO", "127.0.0.1", "\(port)", "TIMEOUT", "3000")
            return false
        }
    }

    /// How long until a line of this kind is written that was not there before; nothing where all is done by now.
    static func time(
        until what: String, in stage: Stage<some FaultStore>, _ kind: HistoryLine.What
    ) async throws -> Duration {
        let (start, began) = (HistoryLine.now, ContinuousClock.now)
        try await wait(for: what, within: .seconds(20)) {
            stage.lines(kind).last.map { $0.milliseconds >= start } ?? false
        }
        return ContinuousClock.now - began
    }
}
