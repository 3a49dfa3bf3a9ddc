// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Testing

@testable import PostgresClient

@Suite("line of calls")
struct CallLineTests {
    private final class Call: LinedCall {
        let deadline = ContinuousClock.now
        let isIdempotent: Bool
        let size: Int
        var isFinished = false
        var unanswered = 0

        init(idempotent: Bool = false, size: Int = 1) {
            isIdempotent = idempotent
            self.size = size
        }
    }

    @Test("answers belong to calls in the order in which they were written")
    func order() {
        var line = CallLine<Call>()
        let calls = (0..<3).map { _ in Call() }
        for call in calls { #expect(line.add(call) == true) }
        #expect(line.oldestWritten == nil)
        #expect(line.takeNext() === calls[0] && line.takeNext() === calls[1])
        #expect(line.oldestWritten === calls[0] && calls[0].unanswered == 1)
        #expect(line.endOldest() === calls[0] && calls[0].unanswered == 0)
        #expect(line.oldestWritten === calls[1])
    }

    @Test("an abandoned call is not written; one that was keeps its place")
    func abandoned() {
        var line = CallLine<Call>()
        let (first, second, third) = (Call(), Call(), Call())
        for call in [first, second, third] { _ = line.add(call) }
        _ = line.takeNext()
        first.isFinished = true
        second.isFinished = true
        #expect(line.takeNext() === third)
        #expect(line.endOldest() === first)
        #expect(line.endOldest() === third)
        #expect(line.isEmpty)
    }

    @Test("of a lost connection idempotent calls wait again in their order, the others are given back")
    func lost() {
        var line = CallLine<Call>()
        let calls = [
            Call(idempotent: true), Call(), Call(idempotent: true), Call(), Call(), Call(idempotent: true),
        ]
        for call in calls { _ = line.add(call) }
        for _ in 0..<5 { _ = line.takeNext() }
        calls[3].isFinished = true
        #expect(line.connectionLost().map(ObjectIdentifier.init) == [calls[1], calls[4]].map(ObjectIdentifier.init))
        #expect(line.takeNext() === calls[0] && line.takeNext() === calls[2] && line.takeNext() === calls[5])
        #expect(line.takeNext() == nil)
    }

    @Test("a call that is made again comes before those that wait")
    func again() {
        var line = CallLine<Call>()
        let calls = (0..<2).map { _ in Call() }
        for call in calls { _ = line.add(call) }
        _ = line.takeNext()
        _ = line.endOldest()
        line.addAgain(calls[0])
        #expect(line.takeNext() === calls[0] && line.takeNext() === calls[1])
    }

    @Test("it takes so many calls and bytes, and a single one of any size")
    func limits() {
        var line = CallLine<Call>(limits: .init(calls: 3, bytes: 10))
        #expect(line.add(Call(size: 100)) == true)
        #expect(line.add(Call(size: 1)) == false)
        _ = line.takeNext()
        _ = line.endOldest()
        for _ in 0..<3 { #expect(line.add(Call(size: 3)) == true) }
        #expect(line.add(Call(size: 1)) == false)
        _ = line.takeNext()
        #expect(line.add(Call(size: 1)) == false)
        _ = line.endOldest()
        #expect(line.add(Call(size: 5)) == false)
        #expect(line.add(Call(size: 4)) == true)
    }
}
