// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Testing

@testable import SpanQueue

@Suite("The choice among queues")
struct QueueSelectorTests {
    @Test(
        "free slots are dealt out exactly by weight over any run, one at a time or many at once",
        arguments: [1, 3, 7, 10, 100], [1, 16])
    func shares(slots: Int, chunk: Int) {
        var selector = QueueSelector(["a": 6, "b": 3, "c": 1])
        var got: [String: Int] = [:]
        for _ in 0..<1000 {
            selector.begin(probing: false)
            for share in selector.next(slots: slots, chunk: chunk) {
                got[["a", "b", "c"][share.lane], default: 0] += share.limit
                selector.record(share.lane, hasMore: true)
            }
        }
        let total = 1000 * slots
        #expect(abs((got["a"] ?? 0) - total * 6 / 10) <= chunk)
        #expect(abs((got["b"] ?? 0) - total * 3 / 10) <= chunk)
        #expect(abs((got["c"] ?? 0) - total / 10) <= chunk)
    }

    @Test("where slots are free again at once a hundred queues are not asked for a job each")
    func chunks() {
        let weights = Dictionary(uniqueKeysWithValues: (0..<100).map { ("q\($0)", 1) })
        var terms = WorkerConfiguration(concurrency: 100, queues: weights).terms(isOnce: false, hasKeeper: true)
        terms.idleWait = .seconds(2)
        var now = ContinuousClock.now
        var life = WorkerLife(terms, at: now) { 0.5 }
        /// How many queues are asked for 50 jobs, twice, all slots being free again after so long.
        func queues(after time: Duration) -> Int {
            now += time
            var asked: [[QueueSelector.Share]] = []
            for _ in 0..<2 {
                guard case .claim(let shares) = life.nextClaim(at: now) else { return 0 }
                #expect(shares.reduce(0) { $0 + $1.limit } == 50)
                for share in shares {
                    _ = life.claimed(share.lane, jobs: share.limit, hasMore: true, dueIn: nil, lapseIn: nil, at: now)
                }
                life.claimEnded()
                asked.append(shares)
            }
            for share in asked.joined() { for _ in 0..<share.limit { life.ended(share.lane) } }
            #expect(asked[0].count == asked[1].count)
            return asked[0].count
        }
        #expect(queues(after: .seconds(1)) == 50)
        #expect(queues(after: .milliseconds(5)) == 50)
        #expect(queues(after: .milliseconds(5)) == 4)
        #expect(queues(after: .milliseconds(5)) == 4)
        #expect(queues(after: .milliseconds(50)) == 50)
        #expect(queues(after: .milliseconds(5)) == 50)
    }

    @Test("never more than the free slots are asked for")
    func bounded() {
        var selector = QueueSelector(["a": 5, "b": 3, "c": 1])
        for slots in 1...50 {
            selector.begin(probing: true)
            #expect(selector.next(slots: slots).reduce(0) { $0 + $1.limit } == slots)
        }
        #expect(selector.next(slots: 0).isEmpty)
    }

    @Test("a queue that was empty is left out until slots are left over or it is probed")
    func empties() {
        var selector = QueueSelector(["a": 1, "b": 1])
        selector.begin(probing: false)
        _ = selector.next(slots: 4)
        selector.record(0, hasMore: false)
        selector.record(1, hasMore: true)
        selector.begin(probing: false)
        #expect(selector.next(slots: 4) == [.init(lane: 1, limit: 4)])
        selector.record(1, hasMore: false)
        #expect(selector.next(slots: 2) == [.init(lane: 0, limit: 2)])
        selector.record(0, hasMore: false)
        #expect(selector.next(slots: 2).isEmpty)
        #expect(selector.isAllEmpty)
        selector.begin(probing: true)
        #expect(Set(selector.next(slots: 4).map(\.lane)) == [0, 1])
    }

    @Test("under strict order a pass ends at the first queue that has more")
    func strict() {
        var selector = QueueSelector(.strict(["critical", "default"]))
        selector.begin(probing: false)
        #expect(selector.next(slots: 3) == [.init(lane: 0, limit: 3)])
        selector.record(0, hasMore: true)
        #expect(selector.next(slots: 2).isEmpty)
        selector.begin(probing: false)
        #expect(selector.next(slots: 3) == [.init(lane: 0, limit: 3)])
        selector.record(0, hasMore: false)
        #expect(selector.next(slots: 2) == [.init(lane: 1, limit: 2)])
    }
}
