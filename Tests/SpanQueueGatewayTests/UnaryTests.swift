// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import GRPCCore
import SpanQueue
import SpanQueueProto
import SwiftProtobuf
import Testing

@testable import SpanQueueGateway

@Suite("calls with one answer")
struct UnaryTests {
    private let claims = Wire.ClaimRequest.with {
        $0.worker = "w1"
        $0.lanes = [Wire.Lane.with { $0.queue = "q" }]
        $0.limit = 128
    }

    @Test(
        "a claim gives no more jobs than a message may have; the rest goes back to the head",
        arguments: EngineKind.allCases
    )
    func boundedReply(_ kind: EngineKind) async throws {
        try await Harness.with(kind) { harness in
            let payload = [UInt8](repeating: 7, count: 400 << 10)
            let ids = (0..<5).map { "big-\($0)" }
            for id in ids {
                _ = try await harness.queue.enqueue(type: "t", payload: payload, .queue("q"), .id(JobID(id)))
            }
            var patient = claims
            patient.wait = .init(.seconds(20))
            var replies: [[String]] = []
            // What goes back may be on its way yet.
            while replies.joined().count < ids.count {
                replies.append(try await harness.worker.claim(patient).jobs.map(\.id))
            }
            #expect(replies.allSatisfy { (1...2).contains($0.count) })
            #expect(Array(replies.joined()) == ids)
            for id in ids {
                let job = try await harness.job(id)
                #expect(job.state == .active && job.attempt == 1 && job.reclaims == 0)
            }
        }
    }

    @Test("of two ends of one claim the first counts, and later its like alone", arguments: EngineKind.allCases)
    func twoEnds(_ kind: EngineKind) async throws {
        try await Harness.with(kind) { harness in
            func outcomes(_ verdicts: [Wire.Result.OneOf_Verdict], of job: Wire.Job) async throws -> [Wire.Settlement
                .Outcome]
            {
                let results = Wire.Results.with { results in
                    results.results = verdicts.map { verdict in
                        Wire.Result.with {
                            $0.claim = job.claim
                            $0.verdict = verdict
                        }
                    }
                }
                return try await harness.worker.settle(results).settlements.map(\.outcome)
            }
            let verdicts: [Wire.Result.OneOf_Verdict] = [
                .complete(.init()), .retry(.with { $0.delay = .init(.seconds(60)) }), .bury(.init()),
                .cancelled(.with { $0.reason = "no" }), .snooze(.with { $0.delay = .init(.seconds(60)) }),
                .release(.init()),
            ]
            for (place, verdict) in verdicts.enumerated() {
                // Engines send completions before other ends.
                let other = verdicts[max(1, (place + 1) % verdicts.count)]
                try await harness.enqueue(1)
                let job = try #require(try await harness.worker.claim(claims).jobs.first)
                #expect(try await outcomes([verdict, other], of: job) == [.settled, .lost], "\(verdict)")
                #expect(try await outcomes([verdict], of: job) == [.settled], "\(verdict)")
                for another in verdicts where another != verdict {
                    #expect(try await outcomes([another], of: job).first == Self.later(another, verdict), "\(another)")
                }
            }
        }
    }

    /// What is said of a result after another one has ended the attempt.
    private static func later(
        _ result: Wire.Result.OneOf_Verdict, _ end: Wire.Result.OneOf_Verdict
    ) -> Wire.Settlement.Outcome {
        switch (result, end) {
        // It may have come after a cancel, of which its worker had heard.
        case (.retry, .cancelled), (.bury, .cancelled), (.snooze, .cancelled): .settled
        // It may have failed for the last time, or been put off too often.
        case (.retry, .bury), (.snooze, .bury), (.snooze, .retry): .settled
        default: .lost
        }
    }

    @Test("a batch keeps its order whatever traces its jobs are of", arguments: EngineKind.allCases)
    func order(_ kind: EngineKind) async throws {
        try await Harness.with(kind) { harness in
            let traces = (0..<40).map {
                $0 % 5 == 0 ? "" : "00-\(UUID().uuidString.lowercased().replacing("-", with: ""))-00f067aa0ba902b7-01"
            }
            let batch = Wire.EnqueueBatchRequest.with { batch in
                batch.jobs = traces.enumerated().map { place, trace in
                    Wire.EnqueueRequest.with {
                        $0.queue = "q"
                        $0.type = "t"
                        $0.id = "job-\(place)"
                        $0.traceparent = trace
                        $0.unique.key = "\(place / 2)"
                        $0.unique.untilFinished = true
                    }
                }
            }
            let outcomes = try await harness.producer.enqueueBatch(batch).outcomes
            #expect(outcomes.map(\.reply.id) == (0..<40).map { "job-\($0 / 2 * 2)" })
            #expect(outcomes.map(\.reply.isDuplicate) == (0..<40).map { $0 % 2 == 1 })
            let jobs = try await harness.worker.claim(claims).jobs
            #expect(jobs.map(\.id) == (0..<20).map { "job-\($0 * 2)" })
            for (job, trace) in zip(jobs, stride(from: 0, to: 40, by: 2).map { traces[$0] }) where !trace.isEmpty {
                #expect(job.traceparent.prefix(36) == trace.prefix(36))
            }
        }
    }
}
