// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import RedisServerFixture
import SpanQueue
import SpanQueueRedis
import Synchronization
import Testing

/// Failovers on real Sentinels, under traffic. The limits are for a busy machine; docs/redis.md has what was measured.
@Suite("A primary behind Sentinels", .serialized, .timeLimit(.minutes(5)))
struct SentinelTests {
    @Test("killed: traffic goes on at the replica, and what was enqueued after that is done")
    func killed() async throws {
        try await FailoverBench.with(replicas: 1) { bench in
            try await bench.fail("kill -9") { bench.group.servers[0].server.kill() }
            #expect(try bench.group.primary(by: 2) == bench.group.servers[1].port)
            try await bench.finish()
        }
    }

    @Test("killed under wait:1: no job whose enqueue succeeded is lost")
    func killedDurably() async throws {
        try await FailoverBench.with(replicas: 2, durability: .replicas(1)) { bench in
            try await bench.fail("kill -9, wait:1") { bench.group.servers[0].server.kill() }
            #expect(try await bench.finish() == 0)
        }
    }

    @Test("sent away by SENTINEL FAILOVER: all connections follow, those that wait for work too")
    func sentAway() async throws {
        try await FailoverBench.with(replicas: 1) { bench in
            try await bench.fail("SENTINEL FAILOVER") { try bench.failOver() }
            try await bench.finish()
        }
    }

    @Test("sent away under wait:1: no job whose enqueue succeeded is lost")
    func sentAwayDurably() async throws {
        try await FailoverBench.with(replicas: 2, durability: .replicas(1)) { bench in
            try await bench.fail("SENTINEL FAILOVER, wait:1") { try bench.failOver() }
            #expect(try await bench.finish() == 0)
        }
    }

    /// Once a replica is promoted the old primary does not replicate to it, but to the other one, which goes on to confirm;
    /// the Sentinels notice only a second later. No worker is there, since what was run before the move is not missed.
    @Test("sent away by any Sentinel: what wait:1 has confirmed is at the new primary", arguments: [0, 2])
    func confirmed(sentinel: Int) async throws {
        let group = try await SentinelGroup.start(replicas: 2)
        defer { group.stop() }
        let options = RedisEngineOptions(commandTimeout: .seconds(30), durability: .replicas(1))
        let queue = try JobQueue(engine: .redis(group.url, options), logger: .quiet)
        let confirmed = Confirmed()
        let produce = Task {
            var number = 0
            while !Task.isCancelled {
                number += 1
                let id = try JobID("job-\(number)")
                guard (try? await queue.enqueue(type: "t", payload: [], .id(id))) != nil else { continue }
                confirmed.add(id)
            }
        }
        try await confirmed.waitForMore()
        // Not only the first Sentinel is listened to.
        try await Task.sleep(for: .seconds(1))
        #expect(try group.sentinels[sentinel].cli("SENTINEL", "FAILOVER", SentinelGroup.service) == "OK")
        #expect(
            try await eventually(within: .seconds(60)) {
                try group.primary(by: sentinel) != group.servers[0].port
            })
        try await confirmed.waitForMore()
        produce.cancel()
        _ = await produce.result
        let new = try #require(try group.primary(by: sentinel))
        let server = try #require(group.servers.first { $0.port == new })
        let kept = Set(try server.cli("HKEYS", "spanq:{default}:jobs").split(separator: "\n").map(String.init))
        let lost = confirmed.all.filter { !kept.contains($0.description) }
        let count = confirmed.all.count
        Traffic.tell("SENTINEL FAILOVER, wait:1, nothing run: confirmed \(count), lost \(lost.count)")
        #expect(lost.isEmpty, "\(lost.count) of \(count) that were confirmed are gone")
        await queue.shutdown()
    }

    @Test("stopped, and woken when another is the primary: it has nothing to say any more")
    func stopped() async throws {
        try await FailoverBench.with(replicas: 2, durability: .replicas(1)) { bench in
            let old = bench.group.servers[0]
            try await bench.fail("SIGSTOP, wait:1") { old.server.signal(SIGSTOP) }
            old.server.signal(SIGCONT)
            // It takes what waited in its sockets, and then the Sentinels make it a replica.
            #expect(
                try await eventually(within: .seconds(60)) {
                    try old.cli("INFO", "replication").contains("role:slave")
                })
            try await bench.traffic.wait(forMore: 20)
            #expect(try await bench.finish() == 0)
        }
    }

    @Test("one Sentinel away, that which tells of failovers: the others do")
    func oneAway() async throws {
        try await FailoverBench.with(replicas: 1) { bench in
            bench.group.sentinels[0].server.kill()
            try await bench.traffic.wait(forMore: 20)
            try await bench.fail("SENTINEL FAILOVER, the first Sentinel away") { try bench.failOver(by: 1) }
            try await bench.finish()
        }
    }

    @Test("all Sentinels away: work goes on where it was, and a new connection is refused with their names")
    func allAway() async throws {
        try await FailoverBench.with(replicas: 1) { bench in
            for sentinel in bench.group.sentinels { sentinel.server.kill() }
            try await bench.traffic.wait(forMore: 20)
            var options = RedisEngineOptions()
            options.waitsForServer = false
            let error = await #expect(throws: SpanQueueError.self) {
                try await JobQueue(engine: .redis(bench.group.url, options), logger: .quiet).connect()
            }
            #expect(error?.code == .unavailable)
            let message = error?.message ?? ""
            #expect(message.contains("127.0.0.1:\(bench.group.sentinels[2].port): "), "\(message)")
            // They come back, and so does what has lost its connections meanwhile.
            try bench.group.servers[0].cli("CLIENT", "KILL", "TYPE", "normal")
            try await bench.group.sentinels[2].server.restart()
            try await bench.traffic.wait(forMore: 20)
            try await bench.finish()
        }
    }

    @Test("an unknown service, a Redis in the place of Sentinels, and a Sentinel in the place of Redis are refused")
    func mistakes() async throws {
        let group = try await SentinelGroup.start()
        defer { group.stop() }
        let cases: [(url: String, code: SpanQueueError.Code, words: String)] = [
            (group.url.replacing("/mymaster", with: "/other"), .invalidArgument, "no service \"other\""),
            ("redis-sentinel://127.0.0.1:\(group.servers[0].port)/mymaster", .unsupported, "this is not a Sentinel"),
            ("redis://127.0.0.1:\(group.sentinels[0].port)", .unsupported, "is a Sentinel"),
        ]
        for (url, code, words) in cases {
            let start = ContinuousClock.now
            let error = await #expect(throws: SpanQueueError.self) {
                let options = RedisEngineOptions(commandTimeout: .seconds(60))
                try await JobQueue(engine: .redis(url, options), logger: .quiet).connect()
            }
            #expect(error?.code == code, "\(error?.message ?? "")")
            #expect(error?.message.contains(words) == true, "\(error?.message ?? "")")
            #expect(start.duration(to: .now) < .seconds(50))
        }
    }

    @Test("with TLS to the Sentinels and to Redis, and certificates both ways, work goes on after a failover")
    func encrypted() async throws {
        let authority = try TLSAuthority()
        let ours = try authority.sign("client", for: "DNS:client")
        var options = RedisEngineOptions()
        options.tls = RedisTLS(authorities: authority.certificate, certificate: ours.certificate, key: ours.key)
        try await FailoverBench.with(replicas: 1, options, authority: authority) { bench in
            try await bench.fail("failover over TLS") { try bench.failOver() }
            try await bench.finish()
        }
        // Who does not trust them, and whom they do not trust, is told so.
        let group = try await SentinelGroup.start(authority: authority)
        defer { group.stop() }
        options.tls = RedisTLS(certificate: ours.certificate, key: ours.key)
        try await refuses(group.url, options, "certificate")
        options.tls = RedisTLS(authorities: authority.certificate)
        try await refuses(group.url, options, "certificate")
        try await refuses(group.url.replacing("rediss-", with: "redis-"), RedisEngineOptions(), "TLS")
    }

    @Test("names in certificates are checked, those of Sentinels too, by TLS settings of their own")
    func names() async throws {
        let authority = try TLSAuthority()
        let group = try await SentinelGroup.start(replicas: 0, authority: authority, names: "DNS:redis.example")
        defer { group.stop() }
        let ours = try authority.sign("client", for: "DNS:client")
        func settings(_ name: String?) -> RedisTLS {
            RedisTLS(
                authorities: authority.certificate, certificate: ours.certificate, key: ours.key, serverName: name)
        }
        var options = RedisEngineOptions()
        options.waitsForServer = false
        options.tls = settings(nil)
        // The Sentinels are reached by addresses, and so is what they name.
        try await refuses(group.url, options, "no Sentinel names the primary", "not for 127.0.0.1")
        options.sentinel.tls = settings("redis.example")
        try await refuses(group.url, options, "not for 127.0.0.1", butNot: "no Sentinel")
        options.tls = settings("redis.example")
        options.sentinel.tls = settings("sentinel.example")
        try await refuses(group.url, options, "no Sentinel names the primary", "not for sentinel.example")
        options.sentinel.tls = nil
        let queue = try JobQueue(engine: .redis(group.url, options), logger: .quiet)
        _ = try await queue.enqueue(type: "a", payload: [])
        await queue.shutdown()
    }

    private func refuses(
        _ url: String, _ options: RedisEngineOptions, _ words: String..., butNot other: String? = nil
    ) async throws {
        let error = await #expect(throws: SpanQueueError.self) {
            try await JobQueue(engine: .redis(url, options), logger: .quiet).connect()
        }
        let message = error?.message ?? ""
        for word in words { #expect(message.contains(word), "\(word): \(message)") }
        if let other { #expect(!message.contains(other), "\(message)") }
    }

    @Test("the Sentinels' user and password are their own, and not those of Redis")
    func credentials() async throws {
        let group = try await SentinelGroup.start(password: "sentinels-only")
        defer { group.stop() }
        var options = RedisEngineOptions()
        let refused = await #expect(throws: SpanQueueError.self) {
            try await JobQueue(engine: .redis(group.url, options), logger: .quiet).connect()
        }
        #expect(refused?.code == .denied)
        #expect(refused?.message.contains("set those of the Sentinels") == true, "\(refused?.message ?? "")")
        options.sentinel = RedisSentinel(user: SentinelGroup.user, password: "sentinels-only")
        let queue = try JobQueue(engine: .redis(group.url, options), logger: .quiet)
        _ = try await queue.enqueue(type: "a", payload: [])
        await queue.shutdown()
    }
}

/// The jobs of which a producer was told that they are safe.
private final class Confirmed: Sendable {
    private let ids = Mutex<[JobID]>([])

    var all: [JobID] { ids.withLock { $0 } }

    func add(_ id: JobID) { ids.withLock { $0.append(id) } }

    func waitForMore() async throws {
        let count = all.count
        #expect(try await eventually(within: .seconds(60)) { self.all.count > count + 20 })
    }
}

private struct Mark: Job {
    static let jobType = "test:mark"
    var number: Int
}

/// A group of Sentinels with a producer and a worker at work.
private struct FailoverBench {
    let group: SentinelGroup
    let queue: JobQueue
    let traffic = Traffic()

    static func with(
        replicas: Int, durability: RedisDurability = .primary, _ options: RedisEngineOptions = RedisEngineOptions(),
        authority: TLSAuthority? = nil, _ body: (FailoverBench) async throws -> Void
    ) async throws {
        let group = try await SentinelGroup.start(replicas: replicas, authority: authority)
        defer { group.stop() }
        var options = options
        options.commandTimeout = .seconds(30)
        options.durability = durability
        let queue = try JobQueue(engine: .redis(group.url, options), logger: .quiet)
        var configuration = WorkerConfiguration()
        configuration.concurrency = 4
        configuration.lease = .seconds(2)
        let worker = try Worker(queue, configuration, logger: .quiet)
        let bench = FailoverBench(group: group, queue: queue)
        let traffic = bench.traffic
        try worker.handle(Mark.self) { mark, _ in traffic.done(mark.number) }
        let run = Task { try await worker.run() }
        let produce = Task { await traffic.produce(to: queue) }
        let result: Result<Void, any Error>
        do {
            try await traffic.wait(forMore: 20)
            result = .success(try await body(bench))
        } catch {
            result = .failure(error)
        }
        traffic.stop()
        produce.cancel()
        await produce.value
        worker.drain()
        _ = try? await run.value
        await queue.shutdown()
        try result.get()
    }

    func failOver(by sentinel: Int = 0) throws {
        let reply = try group.sentinels[sentinel].cli("SENTINEL", "FAILOVER", SentinelGroup.service)
        #expect(reply == "OK")
    }

    /// Lets something happen to the primary, and waits until traffic goes on at another one.
    func fail(_ what: String, _ fault: () throws -> Void) async throws {
        let old = group.servers[0].port
        let start = ContinuousClock.now
        try fault()
        let sentinel = group.sentinels.count - 1
        #expect(try await eventually(within: .seconds(90)) { try group.primary(by: sentinel) != old })
        // Both ways: into the queue, and out of it by a worker that waits for work.
        try await traffic.wait(forMore: 20)
        traffic.report(what, since: start)
    }

    /// Ends the traffic, waits until all that is left is done, and counts what was acknowledged and is gone.
    @discardableResult
    func finish() async throws -> Int {
        traffic.stop()
        #expect(
            try await eventually(within: .seconds(90)) {
                let counts = try await queue.counts(of: ["default"])
                return counts.allSatisfy { $0[.ready] + $0[.active] + $0[.retrying] + $0[.scheduled] == 0 }
            })
        return traffic.lost()
    }
}

/// What a producer was told, and what a worker has done.
private final class Traffic: Sendable {
    private struct State {
        var isOver = false
        var acknowledged: [(number: Int, at: ContinuousClock.Instant)] = []
        var done: [Int: ContinuousClock.Instant] = [:]
        var refused = 0
    }

    private let state = Mutex(State())

    func stop() { state.withLock { $0.isOver = true } }

    func done(_ number: Int) { state.withLock { $0.done[number] = $0.done[number] ?? .now } }

    /// One after the other, each with an id of its own, so that one which is told to have failed may be there all the same.
    func produce(to queue: JobQueue) async {
        var number = 0
        while !state.withLock({ $0.isOver }) {
            number += 1
            do {
                _ = try await queue.enqueue(Mark(number: number), .id(try JobID("mark-\(number)")))
                state.withLock { $0.acknowledged.append((number, .now)) }
            } catch is CancellationError {
                return
            } catch {
                state.withLock { $0.refused += 1 }
            }
            try? await Task.sleep(for: .milliseconds(2))
        }
    }

    /// Waits until so many more were acknowledged from now on, and done.
    func wait(forMore count: Int) async throws {
        let start = state.withLock { $0.acknowledged.count }
        let goesOn = try await eventually(within: .seconds(90)) {
            state.withLock { state in
                state.acknowledged.dropFirst(start).count { state.done[$0.number] != nil } >= count
            }
        }
        #expect(goesOn, "no traffic")
    }

    func lost() -> Int {
        let (lost, all, refused) = state.withLock { state in
            (state.acknowledged.count { state.done[$0.number] == nil }, state.acknowledged.count, state.refused)
        }
        Self.tell("acknowledged \(all), refused \(refused), lost \(lost)")
        return lost
    }

    /// The longest times without an acknowledgement, and without a job done.
    func report(_ what: String, since start: ContinuousClock.Instant) {
        let (enqueues, jobs) = state.withLock { state in
            (
                Self.longestGap(state.acknowledged.map(\.at), since: start),
                Self.longestGap(Array(state.done.values), since: start)
            )
        }
        Self.tell("\(what): enqueues resume after \(enqueues), jobs after \(jobs)")
    }

    private static func longestGap(
        _ times: [ContinuousClock.Instant], since start: ContinuousClock.Instant
    ) -> Duration {
        let times = [start] + times.filter { $0 > start }.sorted()
        return zip(times, times.dropFirst()).map { $1 - $0 }.max() ?? .zero
    }

    /// With `SPANQ_TEST_FIGURES=1`: for the docs.
    static func tell(_ line: String) {
        if ProcessInfo.processInfo.environment["SPANQ_TEST_FIGURES"] == "1" { print("figure: \(line)") }
    }
}
