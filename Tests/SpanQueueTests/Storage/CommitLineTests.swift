// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Testing

@testable import SpanQueue

@Suite("The line of those who wait for a commit")
struct CommitLineTests {
    private typealias Line = CommitLine<Int>
    private static let start = ContinuousClock.now

    private func line(_ change: (inout Line.Limits) -> Void = { _ in }) -> Line {
        var limits = Line.Limits()
        change(&limits)
        return Line(limits: limits)
    }

    /// Somebody comes and waits.
    private func join(_ line: inout Line, _ item: Int, bytes: Int = 1, within: Duration = .seconds(5)) -> Int? {
        guard line.arrive(bytes: bytes) == .wait else { return nil }
        return line.join(item, bytes: bytes, deadline: Self.start + within)
    }

    @Test("the first leaves alone, and those who come meanwhile leave together when it is over")
    func together() {
        var line = line()
        #expect(line.arrive(bytes: 1) == .alone)
        for item in 0..<100 { #expect(join(&line, item) != nil) }
        #expect(line.depart() == nil)
        line.ended(items: 1, bytes: 1)
        #expect(line.depart()?.map(\.item) == Array(0..<100))
        #expect(line.depart() == nil)
        line.ended(items: 100, bytes: 100)
        #expect(line.heldItems == 0 && line.heldBytes == 0 && line.commits == 0)
        #expect(line.arrive(bytes: 1) == .alone)
    }

    @Test("those who fill a commit leave beside the one that is under way, up to so many")
    func beside() {
        var line = line { limits in
            limits.fullItems = 10
            limits.items = 10
            limits.commits = 3
        }
        #expect(line.arrive(bytes: 1) == .alone)
        for item in 0..<45 { #expect(join(&line, item) != nil) }
        #expect(line.depart()?.count == 10)
        #expect(line.depart()?.count == 10)
        #expect(line.depart() == nil)
        line.ended(items: 10, bytes: 10)
        #expect(line.depart()?.map(\.item) == Array(20..<30))
        #expect(line.waitingItems == 15)
    }

    @Test("a commit is bounded in bytes, but for one that is larger by itself")
    func bytes() {
        var line = line { $0.bytes = 100 }
        #expect(line.arrive(bytes: 1) == .alone)
        for (item, bytes) in [60, 40, 1, 500, 1].enumerated() { #expect(join(&line, item, bytes: bytes) != nil) }
        line.ended(items: 1, bytes: 1)
        var batches: [[Int]] = []
        while let batch = line.depart() {
            batches.append(batch.map(\.item))
            line.ended(items: batch.count, bytes: batch.reduce(0) { $0 + $1.bytes })
        }
        #expect(batches == [[0, 1], [2], [3], [4]])
        #expect(line.heldBytes == 0)
    }

    @Test("who finds no room is told so, and there is room again when others are gone")
    func room() {
        var line = line { limits in
            limits.heldBytes = 10
            limits.heldItems = 4
        }
        #expect(line.arrive(bytes: 1_000) == .alone, "a large one alone has room")
        #expect(line.arrive(bytes: 1) == .overloaded)
        line.ended(items: 1, bytes: 1_000)
        #expect(line.arrive(bytes: 1) == .alone)
        let tickets = (0..<3).map { join(&line, $0) }
        #expect(line.arrive(bytes: 1) == .overloaded)
        #expect(tickets[1].flatMap { line.leave($0) }?.item == 1)
        #expect(line.arrive(bytes: 8) == .overloaded)
        #expect(line.arrive(bytes: 7) == .wait)
        line.giveUp(bytes: 7)
        #expect(line.heldItems == 3 && line.heldBytes == 3)
    }

    @Test("who gives up while waiting leaves with nobody; who has left can't give up")
    func leaving() {
        var line = line()
        #expect(line.arrive(bytes: 1) == .alone)
        let tickets = (0..<5).compactMap { join(&line, $0) }
        for place in [0, 3] { #expect(line.leave(tickets[place])?.item == place) }
        #expect(line.leave(tickets[3]) == nil)
        line.ended(items: 1, bytes: 1)
        #expect(line.depart()?.map(\.item) == [1, 2, 4])
        #expect(tickets.compactMap { line.leave($0) }.isEmpty)
    }

    @Test("those whose time is up are found, in whatever order they came")
    func time() {
        var line = line()
        #expect(line.arrive(bytes: 1) == .alone)
        for (item, seconds) in [5, 1, 3, 2, 4].enumerated() {
            #expect(join(&line, item, within: .seconds(seconds)) != nil)
        }
        #expect(line.nextDeadline == Self.start + .seconds(1))
        #expect(line.expire(at: Self.start).isEmpty)
        #expect(line.expire(at: Self.start + .seconds(2)).map(\.item) == [1, 3])
        #expect(line.nextDeadline == Self.start + .seconds(3))
        line.ended(items: 1, bytes: 1)
        #expect(line.depart()?.map(\.item) == [0, 2, 4])
        #expect(line.nextDeadline == nil)
    }

    @Test(
        "whatever happens in whatever order, each who joined leaves once, and nothing is held in the end",
        arguments: 0..<50)
    func anyOrder(run: Int) {
        var random = SystemRandomNumberGenerator()
        var line = line { limits in
            limits.items = 7
            limits.fullItems = 5
            limits.heldItems = 40
        }
        var joined: Set<Int> = []
        var gone: [Int] = []
        var commits: [(items: Int, bytes: Int)] = []
        for step in 0..<2_000 {
            switch Int.random(in: 0..<6, using: &random) {
            case 0, 1, 2:
                switch line.arrive(bytes: 2) {
                case .alone: commits.append((1, 2))
                case .wait:
                    joined.insert(line.join(step, bytes: 2, deadline: Self.start + .seconds(Int.random(in: 0..<2_000))))
                case .overloaded: #expect(line.heldItems == 40)
                }
            case 3:
                while let batch = line.depart() {
                    gone += batch.map(\.ticket)
                    commits.append((batch.count, batch.reduce(0) { $0 + $1.bytes }))
                }
                #expect(commits.count <= line.limits.commits)
            case 4:
                guard let place = commits.indices.randomElement(using: &random) else { break }
                let commit = commits.remove(at: place)
                line.ended(items: commit.items, bytes: commit.bytes)
            default:
                gone += line.expire(at: Self.start + .seconds(step)).map(\.ticket)
                if let ticket = joined.randomElement(using: &random), let left = line.leave(ticket) {
                    gone.append(left.ticket)
                }
            }
        }
        for commit in commits { line.ended(items: commit.items, bytes: commit.bytes) }
        while let batch = line.depart() {
            gone += batch.map(\.ticket)
            line.ended(items: batch.count, bytes: batch.count * 2)
        }
        #expect(gone.count == joined.count && Set(gone) == joined)
        #expect(line.heldItems == 0 && line.heldBytes == 0 && line.waitingItems == 0 && line.waitingBytes == 0)
    }
}
