// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import GRPCCore
import Logging
import SpanQueue
import SpanQueueAdmin
import SpanQueueLoop
package import SpanQueueProto
import SpanQueueTelemetry

/// The end of an attempt on its way to the engine.
struct SettlementEntry: Sendable {
    let ending: ForeignEnding
    let known: HeldClaim?
    let sink: Sink
    var tries = 0

    /// Of the result that it brings.
    var bytes: Int { ending.settlement.report.result?.count ?? 0 }

    enum Sink: Sendable {
        /// Nobody waits for it: what the gateway ends by itself.
        case none
        case stream(WorkStream)
        /// With the place of its answer.
        case call(UnarySettlement, Int)
    }
}

/// A unary call that waits for the answers to its results.
///
/// `@unchecked Sendable`: `GatewayCore` makes it and nothing else has it, and all code of the core, its closures too, runs on one thread.
final class UnarySettlement: @unchecked Sendable {
    private var answers: [Wire.Settlement?]
    private var left: Int
    private var waiter: CheckedContinuation<Void, Never>?

    init(_ count: Int) {
        answers = Array(repeating: nil, count: count)
        left = count
    }

    func answer(_ answer: Wire.Settlement, at place: Int) {
        guard answers[place] == nil else { return }
        answers[place] = answer
        left -= 1
        guard left == 0 else { return }
        waiter?.resume()
        waiter = nil
    }

    func value() async -> [Wire.Settlement] {
        if left > 0 { await withCheckedContinuation { waiter = $0 } }
        return answers.compactMap { $0 }
    }
}

extension GatewayCore {
    private static let largestBatch = 512
    private static let largestBatchBytes = 8 << 20
    private static let batchesAtOnce = 4

    // MARK: Results

    func settle(_ results: [Wire.Result], for stream: WorkStream) async {
        await settle(results, stream.caller, { _ in .stream(stream) }) { answer, claim, _ in
            self.answer([(claim, answer)], to: stream)
        }
    }

    /// Settles for a caller without a stream.
    package func settle(_ results: Wire.Results, _ caller: GatewayCaller) async throws -> Wire.Settled {
        guard results.results.count <= StreamLimits.claims else {
            throw GatewayError.invalid(
                "\(results.results.count) results: send at most \(StreamLimits.claims) at a time")
        }
        let call = UnarySettlement(results.results.count)
        await settle(results.results, caller, { .call(call, $0) }) { answer, _, place in
            call.answer(answer, at: place)
        }
        var settled = Wire.Settled()
        settled.settlements = await call.value()
        return settled
    }

    /// - Parameters:
    ///   - sink: who waits for the answer to the result at a place.
    ///   - refuse: told of those that do not get as far as the engine.
    private func settle(
        _ results: [Wire.Result], _ caller: GatewayCaller, _ sink: (_ place: Int) -> SettlementEntry.Sink,
        refuse: (_ answer: Wire.Settlement, _ claim: ClaimReference?, _ place: Int) -> Void
    ) async {
        var good: [(claim: ClaimReference, result: Wire.Result, place: Int)] = []
        for (place, result) in results.enumerated() {
            guard let claim = ClaimBytes.decode(result.claim) else {
                refuse(Self.refused(result.claim, .invalid("no gateway made this claim")), nil, place)
                continue
            }
            if let problem = problem(with: result, caller, claim) {
                refuse(Self.refused(result.claim, problem), nil, place)
            } else {
                good.append((claim, result, place))
            }
        }
        let unknown = good.map(\.claim).filter { held[$0] == nil }
        let past = unknown.isEmpty ? [:] : await self.past(of: unknown)
        for (claim, result, place) in good {
            guard let known = held[claim] else {
                refuse(Self.answer(result, of: claim, past[claim]), claim, place)
                continue
            }
            let ending = await attempts.ending(
                of: known.claim, Self.meaning(of: result), isCancelled: known.isCancelled, progress: known.progress,
                took: result.hasTook ? min(max(result.took.value, .zero), .seconds(86_400 * 30)) : nil)
            settle(ending, of: known, sink(place))
        }
    }

    private func problem(
        with result: Wire.Result, _ caller: GatewayCaller, _ claim: ClaimReference
    ) -> GatewayError? {
        do throws(GatewayError) { try caller.require(.work, claim.queue) } catch { return error }
        guard let verdict = result.verdict else {
            return .invalid("a result without a verdict, or with one that this gateway does not know")
        }
        let most = queue.configuration.limits.resultBytes
        if case .complete(let complete) = verdict, complete.result.count > most {
            return GatewayError(
                .invalidArgument, "too_large",
                "the result has \(complete.result.count) bytes and may have \(most): store it elsewhere")
        }
        return nil
    }

    /// What a result says.
    private static func meaning(of result: Wire.Result) -> ForeignResult {
        let type = Excerpt.printable(result.failure.type, limit: 64)
        let text = result.failure.message
        func failure(_ delay: Duration? = nil, isPermanent: Bool = false) -> ForeignResult {
            .failed(
                ForeignFailure(
                    type.isEmpty ? (isPermanent ? "permanent" : "error") : type,
                    text.isEmpty ? (type.isEmpty ? "the handler failed" : type) : text, delay: delay,
                    isPermanent: isPermanent))
        }
        switch result.verdict {
        case .complete(let complete)?: return .completed(result: complete.hasResult ? [UInt8](complete.result) : nil)
        case .retry(let retry)?: return failure(retry.hasDelay ? retry.delay.value : nil)
        case .bury(let bury)?:
            switch bury.reason {
            case .decodeError: return .undecodable(text.isEmpty ? type : text)
            case .expired: return .expired
            default: return failure(isPermanent: true)
            }
        case .cancelled(let cancelled)?: return .cancelled(reason: cancelled.reason)
        case .snooze(let snooze)?: return .snoozed(max(.zero, snooze.delay.value), text: text)
        case .unhandled?: return .unhandled
        case .release?, nil: return .released
        }
    }

    /// What is known of a claim that holds no more.
    private enum Past {
        /// Its attempt ended so; nil where nothing tells of that.
        case ended(AttemptOutcome?)
        /// The engine can't be asked.
        case unknown
    }

    /// Claims that this gateway does not know: another made them, or they have ended.
    ///
    /// - Returns: what is known of those that hold no more; the others are known from now on.
    private func past(of claims: [ClaimReference]) async -> [ClaimReference: Past] {
        var past: [ClaimReference: Past] = [:]
        let found = await adopt(claims)
        for claim in found.failed { past[claim] = .unknown }
        for (claim, record) in await read(found.lost) {
            guard case .success(let record) = record else {
                past[claim] = .unknown
                continue
            }
            let attempt = record?.run.attemptRecords.last { $0.token == claim.token && $0.worker == claim.worker }
            past[claim] = .ended(attempt?.outcome)
        }
        return past
    }

    /// The answer to a result whose claim holds no more: it may be the one that ended it, and its confirmation got lost.
    private static func answer(_ result: Wire.Result, of claim: ClaimReference, _ past: Past?) -> Wire.Settlement {
        switch past {
        case .unknown?: unavailable(claim, GatewayError(.unavailable, "unavailable", "the engine can't be asked"))
        case .ended(let outcome?)?: answer(outcomes(of: result).contains(outcome) ? .settled : .lost, claim)
        case .ended(nil)?, nil: answer(.lost, claim)
        }
    }

    /// How an attempt may have ended by a result: a failure may have been the last one that the job had, or come after a cancel.
    private static func outcomes(of result: Wire.Result) -> Set<AttemptOutcome> {
        switch result.verdict {
        case .complete?: [.completed]
        case .retry?: [.retried, .buried, .cancelled]
        case .bury?: [.buried, .cancelled]
        case .release?: [.released]
        case .cancelled?: [.cancelled]
        case .snooze?: [.snoozed, .retried, .buried, .cancelled]
        case .unhandled?: [.retried, .buried]
        case nil: []
        }
    }

    // MARK: Settling

    /// Gives jobs back: the head of their queue, no attempt, no reclaim.
    func release(_ claims: [HeldClaim]) {
        guard !claims.isEmpty else { return }
        metrics.released.increment(by: claims.count)
        start { core in
            for known in claims {
                let ending = await core.attempts.ending(
                    of: known.claim, .released, isCancelled: false, progress: nil, took: nil)
                // Its worker may have had it all the same, and another stream brought its end.
                if known.stream == nil, !known.isSettling { core.settle(ending, of: known) }
            }
        }
    }

    func settle(_ ending: ForeignEnding, of known: HeldClaim? = nil, _ sink: SettlementEntry.Sink = .none) {
        known?.isSettling = true
        let entry = SettlementEntry(ending: ending, known: known, sink: sink)
        if case .stream(let stream) = sink { stream.unsettledBytes += entry.bytes }
        entries.append(entry)
        unconfirmed += 1
        metrics.unconfirmed.set(unconfirmed)
        flushSettlements()
    }

    private func flushSettlements() {
        guard !entries.isEmpty, settlementsUnderWay < Self.batchesAtOnce else { return }
        settlementsUnderWay += 1
        start { core in
            // What gathers while this is under way leaves together.
            while !core.entries.isEmpty { await core.sendSettlements() }
            core.settlementsUnderWay -= 1
        }
    }

    private func sendSettlements() async {
        var batch: [SettlementEntry] = []
        var bytes = 0
        for entry in entries.prefix(Self.largestBatch) {
            bytes += entry.bytes
            guard batch.isEmpty || bytes <= Self.largestBatchBytes else { break }
            batch.append(entry)
        }
        entries.removeFirst(batch.count)
        let start = SystemClock.now()
        let results: [Result<SettleOutcome, SpanQueueError>]
        do throws(CancellationError) {
            results = try await engine.settle(batch.map(\.ending.settlement))
        } catch {
            results = batch.map { _ in .failure(SpanQueueError(.closed, "the gateway has ended", mayHaveRun: true)) }
        }
        var answers: [ObjectIdentifier: (stream: WorkStream, answers: [(ClaimReference?, Wire.Settlement)])] = [:]
        var retries: [SettlementEntry] = []
        for (entry, result) in zip(batch, results) {
            let claim = entry.ending.settlement.reference
            let answer: Wire.Settlement
            switch result {
            case .success(let outcome):
                note(entry, outcome, start: start)
                answer = Self.answer(outcome == .settled ? .settled : .lost, claim)
            case .failure(let error):
                if let later = again(entry, error) {
                    retries.append(later)
                    continue
                }
                entry.known?.isSettling = false
                answer = Self.unavailable(claim, GatewayError(error))
            }
            unconfirmed -= 1
            switch entry.sink {
            case .none: break
            case .call(let call, let place): call.answer(answer, at: place)
            case .stream(let stream):
                stream.unsettledBytes -= entry.bytes
                answers[ObjectIdentifier(stream), default: (stream, [])].answers.append((claim, answer))
            }
        }
        metrics.unconfirmed.set(unconfirmed)
        for (stream, answers) in answers.values { self.answer(answers, to: stream) }
        if !retries.isEmpty { repeatLater(retries) }
    }

    private func note(_ entry: SettlementEntry, _ outcome: SettleOutcome, start: UInt64) {
        let claim = entry.ending.settlement.reference
        // One that comes twice is counted once.
        if let known = entry.known {
            guard held[claim] === known else { return }
            forget(known)
        }
        metrics.results.child(
            claim.queue, outcome == .lost ? "lost" : entry.ending.settlement.verdict.outcome.rawValue
        ).increment()
        attempts.ended(entry.ending, outcome, start: start)
    }

    /// A settlement that failed, for another try; nil where its sender is told instead.
    private func again(_ entry: SettlementEntry, _ error: SpanQueueError) -> SettlementEntry? {
        if case .call = entry.sink { return nil }
        guard !isStopped, error.code != .closed else { return nil }
        // Nobody extends it any more, so it is reclaimed soon.
        if case .none = entry.sink, let known = entry.known, known.lapsesAt < .now { return nil }
        if case .stream(let stream) = entry.sink, stream.end != nil, let known = entry.known, known.lapsesAt < .now {
            return nil
        }
        if entry.tries == 0 {
            logger.error(
                "can't settle: trying again until it works",
                metadata: ["queue": "\(entry.ending.settlement.reference.queue)", "error": "\(error)"])
        }
        var entry = entry
        entry.tries += 1
        return entry
    }

    private func repeatLater(_ entries: [SettlementEntry]) {
        let tries = entries.map(\.tries).max() ?? 1
        let pause = min(Duration.seconds(5), .milliseconds(50) * (1 << min(tries, 7))) * Double.random(in: 0.5...1)
        start { core in
            try? await core.thread.sleep(for: pause)
            core.entries += entries
            core.flushSettlements()
        }
    }

    private func answer(_ answers: [(ClaimReference?, Wire.Settlement)], to stream: WorkStream) {
        perform(stream.machine.settled(answers.map { (claim: $0.0, answer: $0.1) }), stream)
        stream.readOn()
    }

    /// Waits until the engine has taken all that has ended, for five seconds at most.
    func settled() async {
        let end = ContinuousClock.now + .seconds(5)
        while unconfirmed > 0, ContinuousClock.now < end { try? await thread.sleep(for: .milliseconds(10)) }
    }

    // MARK: Answers

    private static func answer(_ outcome: Wire.Settlement.Outcome, _ claim: ClaimReference) -> Wire.Settlement {
        var answer = Wire.Settlement()
        answer.claim = .init(ClaimBytes.encode(claim))
        answer.outcome = outcome
        return answer
    }

    private static func refused(_ claim: Data, _ error: GatewayError) -> Wire.Settlement {
        var answer = Wire.Settlement()
        answer.claim = claim.prefix(ClaimBytes.most)
        answer.outcome = .refused
        answer.problem = error.problem
        return answer
    }

    private static func unavailable(_ claim: ClaimReference, _ error: GatewayError) -> Wire.Settlement {
        var answer = answer(.unavailable, claim)
        answer.problem = error.problem
        return answer
    }
}
