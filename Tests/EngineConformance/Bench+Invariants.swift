// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueue
import Testing

extension Bench {
    /// What must hold after every call: see it from outside, through the protocol alone.
    func checkInvariants() async throws {
        let counts = try await counts()
        var seen: [JobID: JobState] = [:]
        for state in JobState.known {
            let records = try await records(state)
            #expect(records.count == counts[state], "as many \(state) jobs in the list as are counted")
            for record in records {
                let id = record.message.id
                let earlier = seen.updateValue(state, forKey: id)
                #expect(earlier == nil, "\(id) is in one state, once")
                #expect(record.state == state)
                check(record)
            }
        }
        #expect(seen.count == counts.totals.enqueued - counts.totals.removed, "no job is lost, none is from nowhere")
        for (id, state) in seen.prefix(50) {
            let record = try await engine.job(id, in: queue)
            #expect(record?.state == state, "a job's record and the list agree")
        }
    }

    private func check(_ record: JobRecord) {
        let id = record.message.id
        #expect((record.state == .active) == (record.claim != nil), "\(id) is active with a claim or neither")
        #expect(
            (record.state == .scheduled || record.state == .retrying) == (record.dueAt != nil),
            "\(id) waits for a time or does not")
        #expect(record.run.attempts <= record.message.maxAttempts, "\(id) has no more attempts than it may")
        if record.state == .dead { #expect(record.run.endReason != nil, "dead \(id) has a reason") }
        #expect(record.run.history.count <= Limits.historyEvents, "the history of \(id) is bounded")
        for attempt in record.run.attemptRecords {
            #expect(attempt.eligibleAt <= attempt.claimedAt, "\(id) was not claimed before its time")
            #expect(attempt.claimedAt <= attempt.endedAt, "no attempt of \(id) ended before it began")
        }
        let tokens = record.run.attemptRecords.map(\.token)
        #expect(zip(tokens, tokens.dropFirst()).allSatisfy { $0 < $1 }, "the tokens of \(id) rise")
    }
}
