// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import FaultHarness
import Testing

@Suite("The checker of histories")
struct CheckerTests {
    private static let good: [HistoryLine] = [
        HistoryLine(.called, "a"), HistoryLine(.accepted, "a"),
        HistoryLine(.began, "a", attempt: 1, token: 7, process: 1, milliseconds: 10),
        HistoryLine(.ended, "a", attempt: 1, token: 7, process: 1, milliseconds: 20),
        HistoryLine(.settled, "a", token: 7, process: 1, milliseconds: 21),
    ]

    private static func final(_ jobs: [String: FinalState.Job] = ["a": .init("completed", completions: 1)])
        -> FinalState
    {
        FinalState(jobs: jobs, completedTotal: jobs.values.count { $0.state == "completed" })
    }

    @Test("a history in which all went well is clean")
    func clean() {
        let findings = Checker.check(Self.good, Self.final())
        #expect(findings.isClean)
        #expect((findings.accepted, findings.runs, findings.extraRuns) == (1, 1, 0))
    }

    @Test("an accepted job that is gone, or has not ended, is lost", arguments: [nil, "ready", "active", "retrying"])
    func lost(state: String?) {
        let jobs = state.map { ["a": FinalState.Job($0)] } ?? [:]
        let findings = Checker.check(Array(Self.good.prefix(2)), Self.final(jobs))
        #expect(findings.lost == ["a"])
        #expect(!findings.isClean)
    }

    @Test("a job that is dead or cancelled is not lost; one that was only called may be anywhere")
    func over() {
        for state in ["dead", "cancelled"] {
            #expect(Checker.check(Array(Self.good.prefix(2)), Self.final(["a": .init(state)])).isClean)
        }
        #expect(Checker.check([HistoryLine(.called, "a")], Self.final([:])).isClean)
        #expect(
            Checker.check([HistoryLine(.called, "a"), HistoryLine(.refused, "a")], Self.final(["a": .init("dead")]))
                .isClean)
    }

    @Test("a run, or a record, of what nobody enqueued is unexpected")
    func unexpected() {
        let ghost = HistoryLine(.began, "ghost", attempt: 1, token: 8)
        #expect(Checker.check(Self.good + [ghost], Self.final()).unexpected == ["ghost"])
        let jobs = ["a": FinalState.Job("completed", completions: 1), "b": FinalState.Job("dead")]
        #expect(Checker.check(Self.good, Self.final(jobs)).unexpected == ["b"])
    }

    @Test("two accepted completions are found in the history, in the record, and in the queue's count")
    func completedTwice() {
        let again = [
            HistoryLine(.began, "a", attempt: 1, token: 9), HistoryLine(.ended, "a", attempt: 1, token: 9),
            HistoryLine(.settled, "a", token: 9),
        ]
        #expect(Checker.check(Self.good + again, Self.final()).completedTwice == ["a"])
        #expect(
            Checker.check(Self.good, Self.final(["a": .init("completed", completions: 2)])).completedTwice == ["a"])
        let count = FinalState(jobs: ["a": .init("completed", completions: 1)], completedTotal: 2)
        #expect(!Checker.check(Self.good, count).damage.isEmpty)
    }

    @Test("one completion that was told twice, after a lost reply, is one")
    func toldTwice() {
        #expect(Checker.check(Self.good + [Self.good[4]], Self.final()).isClean)
    }

    @Test("a job that is completed and whose handler never returned is found")
    func completedUnrun() {
        let lines = Self.good.filter { $0.what != .ended }
        #expect(Checker.check(lines, Self.final()).completedUnrun == ["a"])
    }

    @Test("two runs with one token, and a completion with a token that no run had, are found")
    func tokens() {
        let twin = HistoryLine(.began, "a", attempt: 1, token: 7, process: 2)
        #expect(Checker.check(Self.good + [twin], Self.final()).confusedTokens == ["a"])
        let stranger = Self.good.map { line in
            var line = line
            if line.what == .settled { line.token = 99 }
            return line
        }
        #expect(Checker.check(stranger, Self.final()).confusedTokens == ["a"])
    }

    @Test("runs beyond the first are counted, but for those that a job asked for")
    func extraRuns() {
        let more = [
            HistoryLine(.began, "a", attempt: 1, token: 3), HistoryLine(.threw, "a", attempt: 1, token: 3),
            HistoryLine(.began, "a", attempt: 2, token: 4),
        ]
        #expect(Checker.check(more + Self.good, Self.final()).extraRuns == 1)
    }

    @Test("a line is read back as it was written, and half a line is none")
    func lines() {
        for line in Self.good { #expect(HistoryLine(line.text.dropLast()) == line) }
        #expect(HistoryLine("began a 1 7") == nil)
        #expect(HistoryLine("vanished a 1 7 1 10") == nil)
    }
}
