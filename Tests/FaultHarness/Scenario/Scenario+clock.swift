// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import ModelDriver
import SpanQueue

extension Scenario {
    /// Twelve jobs run through all of it, on workers that have slots left and look for lapsed leases.
    static let clockSteps = Scenario(
        "clock-steps", "Redis' clock steps by seconds to an hour, forwards and back, under live workers"
    ) { size in
        let lease = Duration.seconds(size == .full ? 6 : 2)
        let steps = (size == .full ? [3, 60, -60, 20, 3_600, -3_600] : [60, -60]).map { Duration.seconds($0) }
        // A step is over when the grace is that it gives leases; the next one then comes as unexpected.
        let pause = lease + .seconds(1)
        let time = try ServerTime()
        time.goOn(ahead: .zero)
        return try await RedisStage.with(environment: time.environment) { stage in
            for _ in 0..<2 { try stage.worker(concurrency: 8, lease: lease) }
            let milliseconds = Int((pause * (steps.count + 1)) / .milliseconds(1))
            for _ in 0..<12 { try await stage.enqueue(FaultJob(milliseconds: milliseconds)) }
            try await wait(for: "all to begin", within: .seconds(20)) { stage.lines(.began).count == 12 }
            var ahead = Duration.zero
            for step in steps {
                ahead += step
                time.goOn(ahead: ahead)
                try await stage.enqueue(FaultJob())
                try await Task.sleep(for: pause)
            }
            try await stage.drain(within: .seconds(60))
            let final = try await stage.final()
            return try await stage.check().figures(extraRunsAtMost: 0) + [
                .exactly("steps", steps.count, size == .full ? 6 : 2),
                .exactly("reclaims", final.jobs.values.reduce(0) { $0 + $1.reclaims }, 0),
                .exactly("claims answered as lost", stage.lostClaims, 0),
            ]
        }
    }
}
