// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import SpanQueue

extension Scenario {
    static let kills = Scenario("kills", "kill -9 of a random worker, one a second") { size in
        // Workers that start on a Redis that is up for less than a minute hold back for a lease; that is not what is measured.
        try await RedisStage.with(["--appendonly", "no"]) { stage in try await kills(stage, size) }
    }

    /// Four workers, of which one is killed each second and replaced.
    static func kills(_ stage: Stage<some FaultStore>, _ size: Size) async throws -> [Figure] {
        let (jobs, kills) = size == .full ? (10_000, 60) : (1_200, 6)
        let (workers, slots, lease) = (4, 8, Duration.seconds(2))
        // As much work as lasts for all kills.
        let handler = Duration.seconds(kills) * workers * slots / jobs
        var alive = try (0..<workers).map { _ in try stage.worker(concurrency: slots, lease: lease) }
        let producer = try stage.producer(count: jobs, handler: handler)
        try await producer.waitUntilExit(within: .seconds(60))
        try await wait(for: "the first runs", within: .seconds(20)) { !stage.lines(.began).isEmpty }
        var deaths: [Int32: Int64] = [:]
        for _ in 0..<kills {
            let victim = Int.random(in: 0..<workers)
            deaths[alive[victim].id] = HistoryLine.now
            alive[victim].signal(SIGKILL)
            alive[victim] = try stage.worker(concurrency: slots, lease: lease)
            try await Task.sleep(for: .seconds(1))
        }
        try await stage.drain(within: .seconds(120))
        let recovery = recoveries(in: stage.lines, deaths)
        let final = try await stage.final()
        let findings = Checker.check(stage.lines, final)
        let buried = final.jobs.values.filter { $0.state == "dead" }
        // A slot whose handler has returned takes the next job while the settlement is on its way.
        let settled = Set(stage.lines(.settled).map { "\($0.job) \($0.token)" })
        let unsettled = stage.lines(.ended).count { !settled.contains("\($0.job) \($0.token)") }
        return findings.figures(extraRunsAtMost: kills * slots + unsettled) + [
            Figure("\(kills) kills of \(slots) slots, \(unsettled) ends untold"),
            .exactly("accepted of \(jobs)", findings.accepted, jobs),
            .none("dead without three reclaims", buried.filter { $0.reclaims < 3 }.map { $0.reason ?? "" }),
            .atMost("buried after three kills each", buried.count, kills * slots / 3),
            .atLeast("runs cut off", recovery.count, 1),
            Figure("recovered after \(Figure.text(recovery.median)) in the middle"),
            .atMost(
                "recovered at the latest after", recovery.last ?? .zero, lease + .seconds(1), slack: .seconds(2)),
        ]
    }

    /// For each run that a death cut off: how long after it the next run of the job began. Sorted.
    static func recoveries(in lines: [HistoryLine], _ deaths: [Int32: Int64]) -> [Duration] {
        var open: [String: Int64] = [:]
        var times: [Duration] = []
        for line in lines {
            switch line.what {
            case .began:
                if let death = open[line.job], line.milliseconds >= death {
                    times.append(.milliseconds(line.milliseconds - death))
                }
                open[line.job] = deaths[line.process]
            case .settled, .ended: open[line.job] = nil
            default: break
            }
        }
        return times.sorted()
    }
}

extension [Duration] {
    /// Of a sorted list.
    var median: Duration { isEmpty ? .zero : self[count / 2] }
}
