// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import SpanQueueTelemetry
import Tracing

/// The spans of a job's life in a tracer that the application has bootstrapped, for where SpanQueue's own exports none.
///
/// That tracer gives the ids. So the spans that others hang below, the creation and the attempts, are begun in it before they are
/// over, and what it writes into W3C headers is what the job carries and its handler gets. The shape is that of `JobSpans`, but for what
/// needs ids that nobody can compute: no attempt links the one before it.
struct ApplicationSpans: Sendable {
    private let tracer: any Tracer
    private let telemetry: JobTelemetry
    /// The worker's id; nil for the client.
    private let worker: String?

    /// Nil where spans go elsewhere or nowhere: looked at once, when a queue or worker is made.
    init?(_ telemetry: JobTelemetry, worker: String? = nil) {
        guard telemetry.exporting == nil else { return nil }
        let tracer = InstrumentationSystem.tracer
        guard !(tracer is NoOpTracer), !(tracer is DistributedTracer) else { return nil }
        self.tracer = tracer
        self.telemetry = telemetry
        self.worker = worker
    }

    /// A span that goes on.
    struct Open: Sendable {
        let span: any Tracing.Span
        /// Where it stands; nil where the tracer does not write W3C headers, and jobs then do without its context.
        let trace: TraceContext?

        /// In which a handler runs.
        var handlerContext: ServiceContext {
            var context = span.context
            context.traceContext = trace
            return context
        }

        func end(errorType: String? = nil, _ message: String = "", atNanoseconds end: UInt64 = SystemClock.now()) {
            if let errorType {
                span.attributes["error.type"] = errorType
                span.setStatus(SpanStatus(code: .error, message: Excerpt.bounded(message, bytes: 256)))
            }
            span.end(at: WallInstant(nanosecondsSinceEpoch: end))
        }

        /// For a worker that has lost its lease.
        func endLost(atNanoseconds now: UInt64 = SystemClock.now()) {
            end(
                errorType: "lease_lost", "the worker lost its lease, so this attempt did not count",
                atNanoseconds: now)
        }
    }

    // MARK: Enqueue

    /// The creation of a job.
    ///
    /// - Parameters:
    ///   - operation: `enqueue`, or `create` for one of many.
    ///   - parent: nil for what is current.
    func created(_ message: JobMessage, _ operation: String, below parent: TraceContext?) -> Open {
        open(
            operation, .producer, message.queue,
            in: parent?.serviceContext(readBy: tracer) ?? .current ?? .topLevel, from: SystemClock.now(),
            attributes(operation, operation == "create" ? "create" : "send", message))
    }

    // MARK: Attempt

    /// The attempt under a claim, and the wait that the claim ended.
    func began(_ claim: ClaimedJob) -> Open {
        let message = claim.message
        let creation = message.trace.serviceContext(readBy: tracer)
        open(
            "wait", .internal, message.queue, in: creation,
            from: min(claim.eligibleAt, claim.claimedAt).nanoseconds, attributes("wait", nil, message)
        ).end(atNanoseconds: claim.claimedAt.nanoseconds)
        var attributes = attributes("process", "process", message)
        attributes.add {
            JobSpans.describe(attempt: claim.attempt, of: message, token: claim.reference.token, wait: claim.wait, $0)
        }
        return attempt(message, eligibleAt: claim.eligibleAt, from: SystemClock.now(), attributes)
    }

    /// The end of an attempt that has counted, and its settlement.
    func ended(_ ending: Ending, settledFrom start: UInt64) {
        guard let open = ending.applicationSpan, let message = ending.claim?.message else { return }
        let record = ending.settlement.record
        let failed = record.outcome == .retried || record.outcome == .buried
        open.end(
            errorType: failed ? record.errorType ?? "_OTHER" : nil, record.error ?? "",
            atNanoseconds: ending.endNanoseconds)
        let word = JobSpanShapes.Operation(ending.settlement.verdict).word
        var attributes = attributes(word, "settle", message)
        attributes.add { JobSpans.describe(settlement: record, $0) }
        self.open(word, .client, message.queue, in: open.span.context, from: start, attributes).end()
    }

    /// An attempt that nobody lived to tell of, and its taking back.
    func reclaimed(_ job: ReclaimedJob, from start: UInt64) {
        guard let message = job.message, let record = job.run.attemptRecords.last(where: { $0.outcome == .lost })
        else { return }
        var attributes = JobSpans.attributes(
            "process", "process", queue: message.queue, worker: record.worker, message: message)
        attributes.add {
            JobSpans.describe(
                attempt: record.number, of: message, token: record.token,
                wait: max(.zero, record.claimedAt - record.eligibleAt), $0)
        }
        attributes["spanq.synthetic"] = true
        attempt(message, eligibleAt: record.eligibleAt, from: record.claimedAt.nanoseconds, attributes).end(
            errorType: "lease_expired", "the worker did not extend its lease",
            atNanoseconds: max(record.claimedAt, record.endedAt).nanoseconds)
        var settle = self.attributes("reclaim", "settle", message)
        settle["spanq.lost_worker"] = .string(record.worker)
        if let reason = record.reason { settle["spanq.job.reason"] = .string(reason) }
        open(
            "reclaim", .client, message.queue, in: message.trace.serviceContext(readBy: tracer), from: start, settle
        ).end()
    }

    // MARK: Parts

    private func attempt(
        _ message: JobMessage, eligibleAt: Timestamp, from start: UInt64, _ attributes: Attributes
    ) -> Open {
        let creation = message.trace.serviceContext(readBy: tracer)
        let isChild = AttemptTrace.isChild(of: message, eligibleAt: eligibleAt, within: telemetry.traceWindow)
        let open = open(
            "process", .consumer, message.queue, in: isChild ? creation : .topLevel, from: start, attributes)
        open.span.addLink(SpanLink(context: creation, attributes: [:]))
        return open
    }

    private func attributes(_ operation: String, _ type: String?, _ message: JobMessage) -> Attributes {
        JobSpans.attributes(operation, type, queue: message.queue, worker: worker, message: message)
    }

    private func open(
        _ operation: String, _ kind: SpanKind, _ queue: String, in context: ServiceContext, from start: UInt64,
        _ attributes: Attributes
    ) -> Open {
        let span: any Tracing.Span = tracer.startSpan(
            "\(operation) \(queue)", context: context, ofKind: kind, at: WallInstant(nanosecondsSinceEpoch: start))
        span.set(attributes)
        return Open(span: span, trace: TraceContext(writtenBy: tracer, from: span.context))
    }
}

/// A moment on the wall clock.
private struct WallInstant: TracerInstant {
    let nanosecondsSinceEpoch: UInt64

    static func < (left: WallInstant, right: WallInstant) -> Bool {
        left.nanosecondsSinceEpoch < right.nanosecondsSinceEpoch
    }
}
