// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import SpanQueueTelemetry
import SpanQueueTesting
import Testing

@testable import SpanQueue

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

@Suite("What the end of an attempt means")
struct SettlementRulesTests {
    private let rules = SettlementRules(
        handlers: HandlerRegistry(), retryPolicy: .constant(.seconds(7)), unknownTypeDelay: .minutes(1),
        unknownTypeRetries: 2)

    private func claim(attempts: Int = 0, maxRetries: Int = 3, backoff: RetryPolicy? = nil) -> ClaimedJob {
        let now = Timestamp(milliseconds: 1_800_000_000_000)
        let message = JobMessage(
            id: "job", queue: "q", type: "t", payload: [], priority: 2, maxRetries: maxRetries, backoff: backoff,
            timeout: .seconds(3), deadline: nil, unique: nil, retention: .standard, tags: [], trace: .root(),
            runAt: nil,
            enqueuedAt: now, contentDigest: nil)
        var run = RunRecord()
        run.attempts = attempts
        let reference = ClaimReference(
            id: "job", queue: "q", token: FencingToken(value: 5, nonce: 1), worker: "w")
        return ClaimedJob(message: message, run: run, reference: reference, claimedAt: now)
    }

    private func settle(
        _ claim: ClaimedJob, _ result: AttemptResult, cause: CancelCause? = nil, result bytes: [UInt8]? = nil
    ) -> Settlement? {
        rules.settlement(
            for: claim, result, cause: cause, report: JobContext.Reported(progress: nil, result: bytes))
    }

    @Test("a handler that returns completes its job, also after it was told to stop")
    func completes() throws {
        for cause in [nil, CancelCause.timeout, .cancelRequested, .drain] {
            let settlement = try #require(settle(claim(), .returned, cause: cause, result: [1]))
            #expect(settlement.verdict == .complete)
            #expect(settlement.run.attempts == 1)
            #expect(settlement.run.result == [1])
            #expect(settlement.job.message.priority == 2)
        }
    }

    @Test("after a lost lease there is nothing to settle")
    func lost() {
        #expect(settle(claim(), .returned, cause: .leaseLost) == nil)
        #expect(settle(claim(), .threw(Oops()), cause: .leaseLost) == nil)
    }

    @Test("an error is tried again until the attempts are used up")
    func retries() throws {
        let first = try #require(settle(claim(), .threw(Oops())))
        #expect(first.verdict == .retry(after: .seconds(7)))
        #expect(first.run.lastError == "Oops")
        #expect(first.run.attemptRecords.last?.errorType == "Oops")
        #expect(settle(claim(attempts: 2), .threw(Oops()))?.verdict == .retry(after: .seconds(7)))
        let last = try #require(settle(claim(attempts: 3), .threw(Oops())))
        #expect(last.verdict == .bury(.attemptsExhausted))
        #expect(last.run.attempts == 4)
    }

    @Test("the job's own backoff goes before the worker's, and a delay that the handler names before both")
    func delays() throws {
        let claim = claim(backoff: .constant(.seconds(1)))
        #expect(settle(claim, .threw(Oops()))?.verdict == .retry(after: .seconds(1)))
        #expect(
            settle(claim, .threw(JobError.retry(after: .seconds(90))))?.verdict
                == .retry(after: .seconds(90)))
        #expect(
            settle(claim, .threw(JobError.retry(after: .seconds(-5))))?.verdict == .retry(after: .zero))
    }

    @Test("permanent errors bury, cancels cancel")
    func jobErrors() throws {
        let buried = try #require(settle(claim(), .threw(JobError.permanent("no such user"))))
        #expect(buried.verdict == .bury(.permanent))
        #expect(buried.run.lastError == "no such user")
        #expect(settle(claim(), .threw(JobError.cancel("moot")))?.verdict == .cancel(reason: "moot"))
    }

    @Test("what cannot succeed is not tried again")
    func hopeless() throws {
        for code in [SpanQueueError.Code.tooLarge, .invalidArgument] {
            let buried = try #require(settle(claim(), .threw(SpanQueueError(code, "too much"))))
            #expect(buried.verdict == .bury(.permanent))
            #expect(buried.run.lastError == "too much")
            #expect(buried.run.attemptRecords.last?.errorType == code.rawValue)
        }
        #expect(settle(claim(), .threw(SpanQueueError(.unavailable, "away")))?.verdict == .retry(after: .seconds(7)))
    }

    @Test("a cancel's reason is cut to its limit at a character")
    func longReasons() throws {
        let text = String(repeating: "é👩‍👩‍👧", count: 20_000)
        guard case .cancel(let reason)? = settle(claim(), .threw(JobError.cancel(text)))?.verdict else {
            Issue.record("it is not cancelled")
            return
        }
        #expect(reason.utf8.count <= Limits.historyErrorBytes)
        #expect(reason.hasSuffix("…"))
        #expect(reason.dropLast().allSatisfy { $0 == "é" || $0 == "👩‍👩‍👧" }, "no character is cut in two")
        let record = try #require(settle(claim(), .threw(JobError.cancel(text)))?.run.attemptRecords.last)
        #expect(record.reason == reason)
    }

    @Test("a job that was not started goes back, and no attempt is charged")
    func notStarted() throws {
        let released = try #require(settle(claim(), .notStarted, cause: .drain))
        #expect(released.verdict == .release)
        #expect(released.run.attempts == 0)
    }

    @Test("what the worker stopped is judged by why it stopped it")
    func causes() throws {
        let timeout = try #require(settle(claim(), .threw(CancellationError()), cause: .timeout))
        #expect(timeout.verdict == .retry(after: .seconds(7)))
        #expect(timeout.run.attemptRecords.last?.errorType == "timeout")
        let drained = try #require(settle(claim(), .threw(CancellationError()), cause: .drain))
        #expect(drained.verdict == .release)
        #expect(drained.run.attempts == 0)
        let cancelled = try #require(settle(claim(), .threw(CancellationError()), cause: .cancelRequested))
        #expect(cancelled.verdict == .cancel(reason: "cancelled while it ran"))
    }

    @Test("an unknown type is looked at as often as is stated, and charges no attempt")
    func unknownType() throws {
        var claim = claim(maxRetries: 0)
        for _ in 0..<2 {
            let settlement = try #require(settle(claim, .unknownType(isHandledElsewhere: false)))
            #expect(settlement.verdict == .retry(after: .minutes(1)))
            #expect(settlement.run.attempts == 0)
            claim = ClaimedJob(
                message: claim.message, run: settlement.run, reference: claim.reference, claimedAt: claim.claimedAt)
        }
        #expect(settle(claim, .unknownType(isHandledElsewhere: false))?.verdict == .bury(.unknownJobType))
    }

    @Test("an unknown type that another worker handles is released at once, then after ever longer, and never buried")
    func handledElsewhere() throws {
        var claim = claim(maxRetries: 0)
        var delays: [Duration] = []
        for _ in 0..<14 {
            let settlement = try #require(settle(claim, .unknownType(isHandledElsewhere: true)))
            delays.append(try #require(settlement.verdict.delay))
            #expect(settlement.run.attempts == 0)
            claim = claim.again(settlement)
        }
        #expect(delays.prefix(4) == [.zero, .milliseconds(100), .milliseconds(200), .milliseconds(400)])
        #expect(delays == delays.sorted())
        #expect(delays.last == .minutes(1))
    }

    @Test("a snooze charges no attempt, also where there is none left; too many in a row are failures")
    func snoozes() throws {
        var claim = claim(attempts: 3)
        let delays: [(asked: Duration, given: Duration)] = [
            (.seconds(5), .seconds(5)), (.seconds(-5), .zero), (.hours(24 * 36_500), Limits.farthestDelay),
        ]
        for (asked, given) in delays {
            let settlement = try #require(settle(claim, .threw(JobError.snooze(for: asked, "too early"))))
            #expect(settlement.verdict == .snooze(for: given))
            #expect(settlement.run.attempts == 3)
            #expect(settlement.run.lastError == nil)
        }
        for count in 1...Limits.snoozes {
            let settlement = try #require(settle(claim, .threw(JobError.snooze(for: .seconds(1)))))
            #expect(settlement.verdict == .snooze(for: .seconds(1)))
            #expect(settlement.run.snoozes == count)
            claim = claim.again(settlement)
        }
        let last = try #require(settle(claim, .threw(JobError.snooze(for: .seconds(1)))))
        #expect(last.verdict == .bury(.attemptsExhausted))
        #expect(last.run.attempts == 4)
        // What else happens between begins the count anew.
        var run = try #require(claim.run)
        run.append(.redriven(at: Timestamp(milliseconds: 1)))
        claim = ClaimedJob(message: claim.message, run: run, reference: claim.reference, claimedAt: claim.claimedAt)
        #expect(settle(claim, .threw(JobError.snooze(for: .seconds(1))))?.run.snoozes == 1)
    }

    @Test("a job that is put off many times keeps what else has happened to it")
    func snoozedHistory() throws {
        var claim = claim()
        for _ in 0..<2 { claim = claim.again(try #require(settle(claim, .threw(Oops())))) }
        for _ in 0..<(3 * Limits.historyEvents) {
            claim = claim.again(try #require(settle(claim, .threw(JobError.snooze(for: .zero)))))
        }
        let run = try #require(claim.run)
        #expect(run.history.count == Limits.historyEvents)
        #expect(run.attemptRecords.filter { $0.outcome == .retried }.count == 2)
        #expect(run.droppedEvents == 2 + 3 * Limits.historyEvents - Limits.historyEvents)
    }

    @Test("what can't be run is buried with a reason and words")
    func unrunnable() throws {
        let expired = try #require(settle(claim(), .expired))
        #expect(expired.verdict == .bury(.expired))
        #expect(expired.run.attempts == 0)
        let undecodable = try #require(settle(claim(), .undecodable("no number")))
        #expect(undecodable.verdict == .bury(.decodeError))
        #expect(undecodable.run.lastError?.contains("no number") == true)
    }

    @Test("an error's text is cut to its limit at a character, whatever is in it")
    func longErrors() throws {
        let text = String(repeating: "é\u{0}👩‍👩‍👧", count: 2000)
        let settlement = try #require(settle(claim(), .threw(JobError.permanent(text))))
        let kept = try #require(settlement.run.lastError)
        #expect(kept.utf8.count <= Limits.errorBytes)
        #expect(kept.hasSuffix("…"))
        let recorded = try #require(settlement.run.attemptRecords.last?.error)
        #expect(recorded.utf8.count <= Limits.historyErrorBytes)
    }
}

private struct Oops: Error {}

extension ClaimedJob {
    /// The next claim of a job that was settled so.
    fileprivate func again(_ settlement: Settlement) -> ClaimedJob {
        ClaimedJob(message: message, run: settlement.run, reference: reference, claimedAt: claimedAt)
    }
}

@Suite("A claimed job")
struct ClaimedJobTests {
    @Test("has waited while it was ready, and not while it was held back")
    func held() {
        let start = Timestamp(milliseconds: 1_800_000_000_000)
        func wait(heldFor: Duration) -> Duration {
            let message = JobMessage(
                id: "job", queue: "q", type: "t", payload: [], priority: 0, maxRetries: 0, backoff: nil, timeout: nil,
                deadline: nil, unique: nil, retention: .standard, tags: [], trace: .root(), runAt: nil,
                enqueuedAt: start, contentDigest: nil)
            let reference = ClaimReference(
                id: "job", queue: "q", token: FencingToken(value: 5, nonce: 1), worker: "w")
            return ClaimedJob(
                message: message, run: RunRecord(), reference: reference, claimedAt: start + .seconds(10),
                heldFor: heldFor
            ).wait
        }
        #expect(wait(heldFor: .zero) == .seconds(10))
        #expect(wait(heldFor: .seconds(7)) == .seconds(3))
        #expect(wait(heldFor: .seconds(11)) == .zero)
    }
}

@Suite("What is said of an error")
struct ErrorTextTests {
    private struct Secret: Error { var password = "hunter2" }
    private enum Failure: Error { case refused(password: String), away }
    private final class Box: Error, Sendable { let password = "hunter2" }
    private struct Friendly: LocalizedError { var errorDescription: String? { "the mailbox is full" } }
    private struct Described: Error, CustomStringConvertible { var description: String { "described" } }
    private struct Payload: Decodable { var id: Int }

    private func text(_ error: any Error) -> String { ErrorText().text(of: error) }

    @Test("an error that says nothing for people is named, and its fields stay where they are")
    func names() {
        #expect(text(Secret()) == "Secret")
        #expect(text(Failure.refused(password: "hunter2")) == "Failure.refused")
        #expect(text(Failure.away) == "Failure.away")
        #expect(text(Box()) == "Box")
        #expect(text(CancellationError()) == "CancellationError")
    }

    @Test("an author's own text is taken")
    func own() {
        #expect(text(Friendly()) == "the mailbox is full")
        #expect(text(Described()) == "described")
        #expect(text(SpanQueueError(.timeout, "too slow")) == "too slow")
    }

    @Test("Foundation's errors are readable")
    func foundation() throws {
        #expect(text(URLError(.timedOut)).contains("the request timed out"))
        #expect(text(URLError(.cannotFindHost)).contains("host"))
        #expect(text(URLError(.unknown)).contains("NSURLErrorDomain"))
        let own = NSError(domain: "shop", code: 7, userInfo: [NSLocalizedDescriptionKey: "no stock"])
        #expect(text(own) == "no stock")
        #expect(text(NSError(domain: "shop", code: 7)).contains("shop"))
        do {
            _ = try JSONDecoder().decode(Payload.self, from: Data("{}".utf8))
        } catch {
            #expect(text(error) == "the key \"id\" is missing")
        }
    }

    @Test("the application's own words go before all others")
    func hook() throws {
        let texts = ErrorText { $0 is Secret ? "wrong password" : nil }
        #expect(texts.text(of: Secret()) == "wrong password")
        #expect(texts.text(of: Friendly()) == "the mailbox is full")
    }
}

@Suite("Which retry policy counts")
struct RetryPolicyTests {
    private struct Nightly: Job {
        static let jobType = "nightly"
        static let options: [EnqueueOption] = [.retryPolicy(.constant(.minutes(3)))]
    }
    private struct Plain: Job {
        static let jobType = "plain"
    }

    /// How long a job waits after its first attempt.
    private func wait<J: Job>(
        _ job: J, _ configuration: WorkerConfiguration, handler: RetryPolicy?
    ) async throws -> Duration? {
        let worker = try Worker(try JobQueue(engine: .inMemory()), configuration)
        try worker.handle(J.self, retryPolicy: handler) { _, _ in throw Oops() }
        return try await worker.perform(job).attempts.last?.retryDelay
    }

    @Test("the job's goes before its handler's, that before the worker's code, and that before the worker's policy")
    func order() async throws {
        var configuration = WorkerConfiguration(retryPolicy: .constant(.minutes(9)))
        #expect(try await wait(Plain(), configuration, handler: nil) == .minutes(9))
        configuration.retryDelay = { attempt, error in error is Oops ? .minutes(6 + Int64(attempt)) : nil }
        #expect(try await wait(Plain(), configuration, handler: nil) == .minutes(7))
        #expect(try await wait(Plain(), configuration, handler: .constant(.minutes(5))) == .minutes(5))
        #expect(try await wait(Nightly(), configuration, handler: .constant(.minutes(5))) == .minutes(3))
        configuration.retryDelay = { _, _ in nil }
        #expect(try await wait(Plain(), configuration, handler: nil) == .minutes(9))
        configuration.retryDelay = { _, _ in .seconds(-1) }
        #expect(try await wait(Plain(), configuration, handler: nil) == .zero)
    }
}
