// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Testing

@testable import SpanQueue

@Suite("What replies say of the server's clock")
struct ClockViewTests {
    private static let start = ContinuousClock.now

    /// A view that has heard from a server whose clock is a second into its life, `heard` ms ago.
    private func view(_ replies: [(here: Int64, server: Int64)]) -> ClockView {
        var view = ClockView()
        for reply in replies {
            view.learn(Timestamp(milliseconds: reply.server), at: Self.start + .milliseconds(reply.here))
        }
        return view
    }

    @Test(
        "a step is a gap, whatever its size and direction",
        arguments: [3_000, 20_000, 60_000, 3_600_000, -3_000, -60_000])
    func steps(size: Int64) {
        let view = view([(0, 1_000_000), (10_000, 1_010_000), (20_000, 1_020_000 + size)])
        #expect(view.gap == Self.start + .milliseconds(20_000))
        // It is known where the clock stands now.
        #expect(view.serverTime(at: Self.start + .milliseconds(20_100)) == 1_020_100 + size)
    }

    @Test("a step forwards that lapses the shortest lease is a gap")
    func short() {
        #expect(view([(0, 1_000_000), (1_000, 1_001_600)]).gap != nil)
    }

    @Test("replies that are under way for up to two seconds are none, nor are the prompt ones after them")
    func delays() {
        let replies = (0..<100).map { number in
            let delay: Int64 = number % 3 == 0 ? 0 : Int64(number % 19) * 100
            return (here: Int64(number) * 500 + delay, server: 1_000_000 + Int64(number) * 500)
        }
        #expect(view(replies.sorted { $0.here < $1.here }).gap == nil)
    }

    @Test("a clock that drifts is none")
    func drift() {
        // A thousandth, far more than any clock drifts: a minute after 17 hours.
        let ahead = (0..<6_000).map { (here: Int64($0) * 10_000, server: 1_000_000 + Int64($0) * 10_010) }
        #expect(view(ahead).gap == nil)
        let behind = (0..<6_000).map { (here: Int64($0) * 10_000, server: 1_000_000 + Int64($0) * 9_990) }
        #expect(view(behind).gap == nil)
    }

    @Test("after a gap the clock is learnt again, and the first reply says nothing")
    func again() {
        var view = view([(0, 1_000_000)])
        view.noteGap(at: Self.start + .milliseconds(100))
        #expect(view.serverTime(at: Self.start) == nil)
        view.learn(Timestamp(milliseconds: 5_000_000), at: Self.start + .milliseconds(200))
        #expect(view.gap == Self.start + .milliseconds(100))
        #expect(view.serverTime(at: Self.start + .milliseconds(300)) == 5_000_100)
    }
}
