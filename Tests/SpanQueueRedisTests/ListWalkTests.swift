// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Testing

@testable import SpanQueueRedis

@Suite("The walk along a list that others change")
struct ListWalkTests {
    /// Walks a list, which `change` alters between the steps, and gives every id in the order in which the walk gave it.
    private func walk(
        _ start: [String], page: Int = 128, change: (inout [String], Int) -> Void = { _, _ in }
    ) -> [String] {
        var list = start
        var walk = ListWalk()
        var given: [String] = []
        var step = 0
        while !walk.isFinished, step < 10_000 {
            // As LRANGE with negative indices: from the tail, `passed` entries passed over.
            let end = max(0, list.count - walk.passed)
            let entries = Array(list[max(0, end - page)..<end].reversed())
            given += walk.take(entries, askedFor: page)
            change(&list, step)
            step += 1
        }
        return given
    }

    private func ids(_ range: Range<Int>, _ prefix: String = "j") -> [String] { range.map { "\(prefix)\($0)" } }

    @Test("a list at rest is given once, from its tail", arguments: [0, 1, 15, 16, 17, 127, 128, 129, 1000])
    func atRest(count: Int) {
        #expect(walk(ids(0..<count)) == ids(0..<count).reversed())
    }

    @Test("pushes at the tail make it neither miss nor repeat an entry", arguments: [1, 47, 79, 80, 100, 127])
    func pushes(count: Int) {
        var next = 0
        let given = walk(ids(0..<2000)) { list, step in
            guard step < 500 else { return }
            list += ids(next..<next + count, "new")
            next += count
        }
        #expect(given.filter { $0.hasPrefix("j") } == ids(0..<2000).reversed())
        #expect(Set(given).count == given.count)
    }

    @Test("what is taken from the head or put there moves nothing")
    func head() {
        let given = walk(ids(0..<2000)) { list, step in
            list.removeFirst(min(30, list.count))
            if step % 3 == 0 { list.insert(contentsOf: ids(step * 10..<step * 10 + 5, "back"), at: 0) }
        }
        let kept = Set(given)
        #expect(kept.count == given.count)
        #expect(ids(1500..<2000).allSatisfy(kept.contains))
    }

    @Test("removals in the middle, mixed with pushes, make it miss nothing that stays")
    func removals() {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<50 {
            var removed: Set<String> = []
            let given = walk(ids(0..<3000)) { list, step in
                guard step < 200 else { return }
                for _ in 0..<Int.random(in: 0...15, using: &generator) where !list.isEmpty {
                    removed.insert(list.remove(at: Int.random(in: list.indices, using: &generator)))
                }
                list += ids(step * 100..<step * 100 + Int.random(in: 0...90, using: &generator), "new")
            }
            #expect(Set(given).count == given.count)
            #expect(Set(ids(0..<3000)).subtracting(removed).isSubset(of: given))
        }
    }

    @Test("an entry that is there twice is given twice")
    func twice() {
        var list = ids(0..<1000)
        list.insert("j900", at: 100)
        list.append("j999")
        let given = walk(list) { list, _ in if list.count < 2000 { list += ids(list.count..<list.count + 20, "new") } }
        #expect(given.count { $0 == "j900" } == 2)
        #expect(given.count { $0 == "j999" } == 2)
        #expect(given.filter { $0.hasPrefix("j") }.count == 1002)
    }

    @Test("steps shrink when they are slow or large, and grow again")
    func stepSize() {
        var size = StepSize(most: 512)
        for _ in 0..<10 { size.record(.microseconds(300), entries: 10, bytes: 100) }
        #expect(size.count == 512)
        for _ in 0..<10 { size.record(.milliseconds(3), entries: 10, bytes: 100) }
        #expect(size.count == 16)
        size.record(.microseconds(300), entries: 8, bytes: 8 << 20)
        #expect(size.count == 1)
        size.record(.microseconds(300), entries: 0, bytes: 0)
        #expect(size.count == 2)
    }
}
