// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Testing

@testable import SpanQueueLoop

@Suite("Timers")
struct TimerQueueTests {
    private let origin = ContinuousClock.now

    private func timer(_ milliseconds: Int, _ callback: @escaping () -> Void = {}) -> LoopTimer {
        LoopTimer(deadline: origin + .milliseconds(milliseconds), callback: callback)
    }

    @Test("timers fire by deadline, and those of one deadline in order")
    func order() {
        var queue = TimerQueue()
        var fired: [String] = []
        for (name, time) in [("c", 2), ("a", 1), ("d", 2), ("b", 1), ("late", 9)] {
            queue.insert(timer(time) { fired.append(name) })
        }
        while let callback = queue.takeDue(at: origin + .milliseconds(5)) { callback() }
        #expect(fired == ["a", "b", "c", "d"])
        #expect(queue.pendingCount == 1)
    }

    @Test("a timer fires once or is cancelled once, never both")
    func once() {
        var queue = TimerQueue()
        let first = timer(1)
        let second = timer(1)
        queue.insert(first)
        queue.insert(second)
        #expect(queue.takeDue(at: origin + .milliseconds(1)) != nil)
        #expect(queue.cancel(first) == false)
        #expect(queue.cancel(second) == true)
        #expect(queue.cancel(second) == false)
        #expect(queue.takeDue(at: origin + .seconds(1)) == nil)
        #expect(queue.storedCount == 0)
    }

    @Test("cancelled timers far in the future do not pile up")
    func noLeak() {
        var queue = TimerQueue()
        queue.insert(timer(1_000_000))
        for index in 0..<10_000 {
            let timer = timer(500_000 + index)
            queue.insert(timer)
            queue.cancel(timer)
        }
        #expect(queue.pendingCount == 1)
        #expect(queue.storedCount < 200)
    }
}
