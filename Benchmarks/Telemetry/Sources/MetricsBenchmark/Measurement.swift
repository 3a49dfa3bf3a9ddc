// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import CAllocationCount

/// What one call of something costs.
struct Measurement {
    let nanoseconds: Double
    let allocations: Double

    /// The best of five rounds of `calls` calls, after one that warms up: what other programs take is not what it costs.
    init(calls: Int, _ body: () -> Void) {
        body()
        let clock = ContinuousClock()
        var best = Duration.seconds(3_600)
        let before = spanqueue_allocation_count()
        for _ in 0..<5 { best = min(best, clock.measure(body)) }
        allocations = Double(spanqueue_allocation_count() - before) / Double(5 * calls)
        nanoseconds = best / .nanoseconds(1) / Double(calls)
    }

    /// The best of five rounds of `calls` calls that end on other threads, whose allocations count too. `prepare` is not timed.
    init(calls: Int, prepare: () -> Void, _ body: () async -> Void) async {
        prepare()
        await body()
        let clock = ContinuousClock()
        var best = Duration.seconds(3_600)
        var count = 0
        for _ in 0..<5 {
            prepare()
            let before = spanqueue_process_allocation_count()
            best = min(best, await clock.measure(body))
            count += spanqueue_process_allocation_count() - before
        }
        allocations = Double(count) / Double(5 * calls)
        nanoseconds = best / .nanoseconds(1) / Double(calls)
    }

    /// Prints a line, and says whether the aim was reached: at most so many nanoseconds, and no allocation.
    func report(_ name: String, aimNanoseconds: Double? = nil, mayAllocate: Bool = false) {
        let time = nanoseconds < 1_000 ? "\(rounded(nanoseconds)) ns" : "\(rounded(nanoseconds / 1e6)) ms"
        var verdict = ""
        if let aimNanoseconds, nanoseconds > aimNanoseconds { verdict += "  OVER ITS AIM" }
        if !mayAllocate, allocations > 0 { verdict += "  ALLOCATES" }
        let padding = String(repeating: " ", count: max(1, 44 - name.count))
        print("\(name)\(padding)\(time)  \(rounded(allocations)) allocations\(verdict)")
    }

    private func rounded(_ value: Double) -> Double {
        (value * 100).rounded() / 100
    }
}
