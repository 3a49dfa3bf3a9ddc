// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import SpanQueue
import SpanQueueRedis

extension Scenario {
    /// Redis runs each of the scripts, and the connection breaks instead of answering, several times each.
    static let lostReplies = Scenario("lost-replies", "the reply lost after execution, for each script") { size in
        let (jobs, each) = size == .full ? (5_000, 50) : (600, 4)
        return try await RedisStage.with { stage in
            let url = stage.proxy.url
            try stage.worker(url, concurrency: 8, lease: .seconds(1))
            try stage.worker(url, concurrency: 8, lease: .seconds(1))
            // What a person and a worker do beside, so that each script is called.
            let operations = try JobQueue(engine: .redis(url, WorkerRole.keepsAll), logger: .silent)
            try await operations.connect()
            let producer = try stage.producer(url, count: jobs, pause: .milliseconds(4), handler: .milliseconds(30))
            for number in 0..<8 {
                try await stage.enqueue(
                    FaultJob(milliseconds: 2_500, reports: true), .priority(1 + number % 9))
            }
            // Those of the engine. An audit is a person's: what it looked at in vain, it looks at again; and who watches says so again
            // every five seconds. A transfer stops at a lost answer, and goes on when it is run again, as after the kills of TransferTests.
            let notHere = ["audit", "repair", "watch", "adopt", "along", "drop"]
            let names = stage.proxy.scriptNames.filter { !notHere.contains($0) }
            var enqueued: [JobID] = []
            for _ in 0..<each {
                for name in names { stage.proxy.dropReplies(of: name, count: 1) }
                let id = try await stage.enqueue(FaultJob(), .delay(.hours(1)))
                enqueued.append(id)
                _ = try await operations.counts(of: ["default"])
                _ = try await (operations.engine as? any PrioritySource)?.readyByPriority(of: ["default"])
                _ = try await operations.job(id)
                _ = try await operations.list(ListRequest(queue: "default", state: .scheduled))
                do {
                    _ = try await operations.cancel(id, reason: "asked for")
                } catch let error as SpanQueueError where error.code == .invalidState {
                    throw Unmet("a cancel whose reply was lost was refused when it was sent again: \(error)")
                }
                try await operations.pause("default")
                try await operations.resume("default")
                let known = WorkerInfo(
                    id: "known", host: "here", pid: 1, queues: ["default"], concurrency: 1, busy: 0,
                    startedAt: Timestamp(Date()), version: "0")
                try await operations.engine.announce(known, lifetime: .seconds(30))
                try await operations.engine.retire(workerID: known.id)
                let emptied = "emptied-\(enqueued.count)"
                let gone = try await stage.queue.enqueue(type: "fault:gone", payload: [], .queue(emptied))
                try await stage.queue.remove(gone.id, in: emptied)
                try await operations.deleteQueue(emptied)
                try await operations.engine.passWakeUp(in: ["default"])
                _ = try await operations.engine.sweep("default")
                let searcher = try await operations.engine as? any JobSearcher
                _ = try await searcher?.search(
                    SearchRequest(queue: "default", state: .ready, query: JobQuery(), limit: 1000, isForAction: true))
                // These are not sent again, as documented: what they did is done, and only the news of it is lost.
                do {
                    let error = ErrorCount(fingerprint: 1, jobType: "fault", errorType: "e", masked: "no")
                    try await (operations.engine as? any ErrorStore)?.add([error], to: "default", version: "0")
                } catch let error as SpanQueueError where error.mayHaveRun {}
                let history = try await operations.engine as? any HistoryStore
                do {
                    try await history?.add([AttemptTally(type: "fault")], to: "default")
                } catch let error as SpanQueueError where error.mayHaveRun {}
                _ = try await history?.history(of: ["default"], .minute, last: 1, namesTypes: true)
                do {
                    _ = try await operations.purge("default", .dead)
                } catch let error as SpanQueueError where error.mayHaveRun {}
                do {
                    _ = try await operations.engine.reclaim(ReclaimRequest(queue: "default"))
                } catch let error as SpanQueueError where error.mayHaveRun {}
                try await Task.sleep(for: .milliseconds(size == .full ? 300 : 700))
            }
            try await producer.waitUntilExit(within: .seconds(120))
            for name in names { stage.proxy.dropReplies(of: name, count: 0) }
            let healed = ContinuousClock.now
            try await stage.drain(within: .seconds(60))
            let drained = ContinuousClock.now - healed
            await operations.shutdown()
            let dropped = names.map { "\($0) \(stage.proxy.dropped($0))" }.joined(separator: ", ")
            let findings = try await stage.check()
            return findings.figures(extraRunsAtMost: stage.proxy.dropped("claim") * 8) + [
                .exactly("accepted", findings.accepted, jobs + 8 + each),
                .exactly("enqueues that threw", stage.lines(.refused).count, 0),
                .exactly("added twice", try await stage.queue.counts()[0].totals.enqueued - jobs - 8 - each, 0),
                .none("scripts whose reply was never lost", names.filter { stage.proxy.dropped($0) == 0 }),
                Figure("replies lost: \(dropped)"),
                .atMost("back and done after", drained, .seconds(4), slack: .seconds(6)),
            ]
        }
    }

    static let resets = Scenario("resets", "all connections reset every 200 ms, CLIENT KILL in between") { size in
        let jobs = size == .full ? 10_000 : 1_000
        return try await RedisStage.with { stage in
            let url = stage.proxy.url
            for _ in 0..<2 { try stage.worker(url, concurrency: 8) }
            let producer = try stage.producer(url, count: jobs, pause: .milliseconds(2), handler: .milliseconds(2))
            var resets = 0
            while producer.isRunning {
                try await Task.sleep(for: .milliseconds(200))
                resets += 1
                if resets % 2 == 0 {
                    stage.proxy.reset()
                } else {
                    try await stage.redis.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
                }
            }
            try await stage.drain(within: .seconds(60))
            let findings = try await stage.check()
            return findings.figures(extraRunsAtMost: resets * 16) + [
                .exactly("accepted", findings.accepted, jobs), .atLeast("resets", resets, 5),
                .exactly("enqueues that threw", stage.lines(.refused).count, 0),
            ]
        }
    }

    static let latency = Scenario("latency", "replies 50 to 100 ms late, spikes of 2 s under a lease of 5 s") { size in
        let (jobs, spikes) = size == .full ? (3_000, 10) : (400, 2)
        return try await RedisStage.with { stage in
            stage.proxy.set { ($0.delay, $0.jitter) = (.milliseconds(50), .milliseconds(50)) }
            let url = stage.proxy.url
            for _ in 0..<2 { try stage.worker(url, concurrency: 32, lease: .seconds(5)) }
            let producer = try stage.producer(url, count: jobs, pause: .milliseconds(5), handler: .milliseconds(100))
            for _ in 0..<spikes {
                try await Task.sleep(for: .seconds(1))
                stage.proxy.set { $0.isHung = true }
                try await Task.sleep(for: .seconds(2))
                stage.proxy.set { $0.isHung = false }
            }
            try await producer.waitUntilExit(within: .seconds(180))
            try await stage.drain(within: .seconds(120))
            let final = try await stage.final()
            let findings = try await stage.check()
            return findings.figures(extraRunsAtMost: 0) + [
                .exactly("accepted", findings.accepted, jobs),
                .exactly("enqueues that threw", stage.lines(.refused).count, 0),
                .exactly("reclaims", final.jobs.values.reduce(0) { $0 + $1.reclaims }, 0),
                .exactly("leases lost", stage.lostClaims, 0),
            ]
        }
    }

    /// A reply of ten jobs of 1 MiB each, and everything else, in small pieces.
    static let smallPieces = Scenario("small-pieces", "replies in 1-byte chunks; a 10 MB reply in pieces of 1,448") {
        size in
        let jobs = size == .full ? 2_000 : 200
        return try await RedisStage.with { stage in
            let url = stage.proxy.url
            stage.proxy.set { $0.chunkBytes = 1 }
            try stage.worker(url, concurrency: 8)
            try stage.producer(url, count: jobs, handler: .milliseconds(1))
            try await wait(for: "all to be accepted", within: .seconds(120)) {
                stage.lines(.accepted).count == jobs
            }
            try await stage.drain(within: .seconds(120))
            let findings = try await stage.check()
            stage.proxy.set { $0.chunkBytes = 1_448 }
            let payload = [UInt8](unsafeUninitializedCapacity: 1 << 20) { buffer, count in
                for index in 0..<(1 << 20) { buffer[index] = UInt8(truncatingIfNeeded: index &* 31) }
                count = 1 << 20
            }
            for _ in 0..<10 {
                try await stage.queue.enqueue(type: "fault:large", payload: payload, .queue("large"))
            }
            let engine = try await EngineOn.started(url)
            let claims = try await engine.claim(
                ClaimRequest(queue: "large", limit: 10, lease: .seconds(60), worker: "reader")
            ).jobs
            await engine.shutdown()
            return findings.figures(extraRunsAtMost: 0) + [
                .exactly("accepted", findings.accepted, jobs), .exactly("jobs of 1 MiB in one reply", claims.count, 10),
                .exactly("payloads that differ", claims.count { $0.message.payload != payload }, 0),
            ]
        }
    }
}
