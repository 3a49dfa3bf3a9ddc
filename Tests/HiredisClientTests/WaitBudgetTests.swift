// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Testing

@testable import HiredisClient

@Suite("How long callers wait on their own threads")
struct WaitBudgetTests {
    private let start = ContinuousClock.now

    /// The share of the time that waits of one length took, when each began as soon as it was allowed.
    private func share(of wait: Duration, pause: Duration = .zero) -> Double {
        var budget = WaitBudget(longest: .milliseconds(1))
        var now = start
        var waited = Duration.zero
        while now < start + .seconds(60) {
            guard budget.allows(at: now) else {
                now += .microseconds(100)
                continue
            }
            now += wait
            waited += wait
            budget.waited(wait, until: now)
            now += pause
        }
        return waited / (now - start)
    }

    @Test("quick waits are free")
    func quick() {
        #expect(share(of: .microseconds(200)) == 1)
    }

    @Test("waits in vain, one after the other, take next to nothing of the time")
    func slow() {
        #expect(share(of: .milliseconds(1)) < 0.005)
        #expect(share(of: .microseconds(300)) < 0.005)
    }

    @Test("a slow wait now and then does not end the quick ones")
    func mixed() {
        var budget = WaitBudget(longest: .milliseconds(1))
        var now = start
        var refused = 0
        for index in 0..<100_000 {
            now += .microseconds(100)
            guard budget.allows(at: now) else {
                refused += 1
                continue
            }
            // One in a hundred: a tenth of the time.
            let wait = index % 100 == 0 ? Duration.milliseconds(1) : .microseconds(50)
            now += wait
            budget.waited(wait, until: now)
        }
        #expect(refused < 1000)
    }

    @Test("more of them than an eighth of the time are held off")
    func bounded() {
        var budget = WaitBudget(longest: .milliseconds(1))
        var now = start
        var slow = Duration.zero
        while now < start + .seconds(10) {
            now += .microseconds(50)
            guard budget.allows(at: now) else { continue }
            for wait in [Duration.milliseconds(1), .microseconds(50)] {
                now += wait
                budget.waited(wait, until: now)
            }
            slow += .milliseconds(1)
        }
        #expect(slow / (now - start) < 0.13)
        #expect(slow / (now - start) > 0.1)
    }
}
