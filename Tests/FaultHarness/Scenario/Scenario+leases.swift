// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import SpanQueue

extension Scenario {
    static let zombies = Scenario("zombies", "SIGSTOP for three leases, then SIGCONT") { size in
        try await RedisStage.with { stage in try await zombies(stage, size) }
    }

    static func zombies(_ stage: Stage<some FaultStore>, _ size: Size) async throws -> [Figure] {
        let (jobs, lease) = (8, size == .full ? Duration.seconds(2) : .seconds(1))
        let zombie = try stage.worker(concurrency: jobs, lease: lease)
        var ids: [JobID] = []
        // Half of them report progress; half return, whatever they hear, and settle.
        for number in 0..<jobs {
            let job =
                number % 2 == 0
                ? FaultJob(milliseconds: 3 * Int(lease / .milliseconds(1)), reports: true)
                : FaultJob(milliseconds: Int(lease / .milliseconds(1)), heedsNothing: true)
            ids.append(try await stage.enqueue(job))
        }
        try await wait(for: "all to begin", within: .seconds(20)) { stage.lines(.began).count == jobs }
        zombie.signal(SIGSTOP)
        let heir = try stage.worker(concurrency: jobs, lease: lease)
        try await Task.sleep(for: lease * 3)
        try await stage.drain(within: lease * 20)
        let before = try await records(of: ids, stage)
        let resumed = HistoryLine.now
        zombie.signal(SIGCONT)
        func ofZombie(_ what: HistoryLine.What) -> [HistoryLine] {
            stage.lines(what).filter { $0.process == zombie.id && $0.milliseconds >= resumed }
        }
        try await wait(for: "its handlers to end", within: .seconds(20)) {
            ofZombie(.cancelled).count + ofZombie(.ended).count == jobs
        }
        zombie.signal(SIGTERM)
        heir.signal(SIGTERM)
        try await zombie.waitUntilExit(within: .seconds(20))
        try await heir.waitUntilExit(within: .seconds(20))
        let heard = ofZombie(.cancelled).map { $0.milliseconds - resumed }.max() ?? 0
        return try await stage.check().figures(extraRunsAtMost: jobs) + [
            .exactly("progress reports answered lost", Set(ofZombie(.progressLost).map(\.job)).count, jobs / 2),
            .atLeast(
                "heartbeats and settlements answered lost",
                Set((ofZombie(.heartbeatLost) + ofZombie(.settleLost)).map(\.job)).count, jobs),
            .exactly("records changed by it", try await records(of: ids, stage) == before ? 0 : 1, 0),
            .exactly("completions counted", try await stage.queue.counts()[0].totals.completed, jobs),
            .atMost(
                "handlers cancelled after", .milliseconds(heard), lease / 3 + .milliseconds(500), slack: .seconds(1)
            ),
        ]
    }

    static let tenLeases = Scenario("ten-leases", "handlers of ten leases, suspended and blocking every thread") {
        size in
        try await RedisStage.with { stage in try await tenLeases(stage, size) }
    }

    static func tenLeases(_ stage: Stage<some FaultStore>, _ size: Size) async throws -> [Figure] {
        let (jobs, lease) = size == .full ? (16, Duration.seconds(2)) : (8, .milliseconds(300))
        try stage.worker(concurrency: jobs, lease: lease)
        try stage.worker(concurrency: jobs / 2, lease: lease)
        for number in 0..<(jobs + jobs / 2) {
            try await stage.enqueue(
                FaultJob(milliseconds: Int(lease * 10 / .milliseconds(1)), blocks: number % 2 == 0))
        }
        // A third worker looks for lapsed leases all the time.
        // Where two handlers block the two threads of a process, no other begins there before they have ended.
        try await wait(for: "some of them to begin", within: .seconds(20)) { stage.lines(.began).count >= 4 }
        try stage.worker(concurrency: 1, lease: lease)
        try await stage.drain(within: lease * 10 * jobs)
        let final = try await stage.final()
        return try await stage.check().figures(extraRunsAtMost: 0) + [
            .exactly("reclaims", final.jobs.values.reduce(0) { $0 + $1.reclaims }, 0)
        ]
    }

    private static func records(of ids: [JobID], _ stage: Stage<some FaultStore>) async throws -> [JobRecord] {
        var records: [JobRecord] = []
        for id in ids { records.append(try await stage.record(id)) }
        return records
    }
}
