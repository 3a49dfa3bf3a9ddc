// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueueTelemetry

/// Builds the spans of a job's life and gives them to the tracer. Each is built when it is over, from what is known by then,
/// and only where it will be exported.
struct JobSpans: Sendable {
    let telemetry: JobTelemetry
    let tracer: SpanQueueTracer
    /// The worker's id; nil for the client.
    let worker: String?
    private let shapes: JobSpanShapes

    /// Nil where no spans go anywhere.
    init?(_ telemetry: JobTelemetry, worker: String? = nil) {
        guard let tracer = telemetry.exporting else { return nil }
        self.telemetry = telemetry
        self.tracer = tracer
        self.worker = worker
        shapes = JobSpanShapes(tracer, worker: worker)
    }

    /// What spans of an operation share, of this worker unless it is another's.
    func shape(_ operation: JobSpanShapes.Operation, in queue: String, by worker: String?) -> SpanShape {
        worker == self.worker
            ? shapes.shape(operation, in: queue) : shapes.make(operation, in: queue, by: worker)
    }

    func attributes(
        _ operation: String, _ type: String?, queue: String, message: JobMessage? = nil, count: Int? = nil
    ) -> Attributes {
        Self.attributes(operation, type, queue: queue, worker: worker, message: message, count: count)
    }

    /// What every span of a job's life carries.
    static func attributes(
        _ operation: String, _ type: String?, queue: String, worker: String?, message: JobMessage? = nil,
        count: Int? = nil
    ) -> Attributes {
        var list = Attributes(capacity: 8)
        list.add(unique: "messaging.system", "spanqueue")
        list.add(unique: "messaging.destination.name", .string(queue))
        list.add(unique: "messaging.operation.name", .string(operation))
        if let type { list.add(unique: "messaging.operation.type", .string(type)) }
        if let worker { list.add(unique: "messaging.client.id", .string(worker)) }
        if let count { list.add(unique: "messaging.batch.message_count", .int(count)) }
        if let message { list.add { describe(message, $0) } }
        return list
    }

    /// What the span of a single job carries beside that.
    static func describe(_ message: JobMessage, _ parts: any SpanPartWriter) {
        parts.attribute("messaging.message.id", message.id.description)
        parts.attribute("spanq.job.type", message.type)
    }

    /// What the span of an attempt carries beside that.
    static func describe(
        attempt number: Int, of message: JobMessage, token: FencingToken, wait: Duration, _ parts: any SpanPartWriter
    ) {
        parts.attribute("spanq.job.attempt", Int64(number))
        parts.attribute("spanq.job.max_attempts", Int64(message.maxAttempts))
        parts.attribute("spanq.job.wait_seconds", wait.inSeconds)
        parts.attribute("spanq.job.token", token.value)
    }

    /// What the span of a settlement carries beside that.
    static func describe(settlement record: AttemptRecord, _ parts: any SpanPartWriter) {
        if let delay = record.retryDelay { parts.attribute("spanq.job.retry_delay_seconds", delay.inSeconds) }
        if let reason = record.reason { parts.attribute("spanq.job.reason", reason) }
    }

    /// An attempt links the creation and the attempt before it.
    static func link(
        _ message: JobMessage, after previous: PreviousAttempt?, _ telemetry: JobTelemetry, _ parts: any SpanPartWriter
    ) {
        parts.link(message.trace, isRemote: true)
        guard let previous else { return }
        parts.link(
            AttemptTrace.context(
                of: message, token: previous.token, eligibleAt: previous.eligibleAt, telemetry: telemetry),
            isRemote: true)
    }
}

extension Timestamp {
    /// Nanoseconds since 1970, saturating in the year 2554; zero for what lies before 1970.
    var nanoseconds: UInt64 {
        let (product, overflow) = UInt64(max(0, milliseconds)).multipliedReportingOverflow(by: 1_000_000)
        return overflow ? .max : product
    }
}

/// Where an attempt stands in its trace: a function of the job's record and the claim, so that the worker that runs it, the one
/// that finds it lost, and the command that draws it agree without having stored it.
enum AttemptTrace {
    static func isChild(of message: JobMessage, eligibleAt: Timestamp, within window: Duration) -> Bool {
        window > .zero && eligibleAt - message.enqueuedAt <= window
    }

    static func context(
        of message: JobMessage, token: FencingToken, eligibleAt: Timestamp, telemetry: JobTelemetry
    ) -> TraceContext {
        let spanID = token.spanID(of: message.id)
        if isChild(of: message, eligibleAt: eligibleAt, within: telemetry.traceWindow) {
            guard let tracer = telemetry.tracer else { return message.trace.moved(to: spanID) }
            return tracer.makeContext(parent: message.trace, spanID: spanID)
        }
        // The creation's trace id and the claim's token make the id of the new trace.
        let traceID = TraceID(
            nonZeroLow: spanID.value, high: message.trace.traceID.high ^ UInt64(bitPattern: token.value))
        guard let tracer = telemetry.tracer else {
            return TraceContext(traceID: traceID, spanID: spanID, flags: message.trace.flags & 1)
        }
        return tracer.makeContext(traceID: traceID, spanID: spanID)
    }
}

extension TraceContext {
    func moved(to spanID: SpanID) -> TraceContext {
        var context = self
        context.spanID = spanID
        return context
    }
}

extension FencingToken {
    /// The span of the wait that ended with this claim, which anyone who knows the claim can name, as they can the attempt.
    func waitSpanID(of job: JobID) -> SpanID { companion(1, of: job) }

    /// The span of what ended the attempt under this claim: its settlement, or its reclaim.
    func settlementSpanID(of job: JobID) -> SpanID { companion(2, of: job) }

    /// The span that a worker exports for an attempt under this claim after it has lost its lease. The attempt's own id then
    /// belongs to whoever took the job back.
    func lostSpanID(of job: JobID) -> SpanID { companion(3, of: job) }

    /// The nonce has 32 bits: what stands above them tells these ids from the attempt's own.
    private func companion(_ place: UInt64, of job: JobID) -> SpanID {
        .derived(from: job.fingerprint, UInt64(bitPattern: value), place << 32 | UInt64(nonce))
    }
}

extension JobSpans {
    /// One job: its own span is the creation that it carries.
    func enqueued(
        _ job: NewJob, parent: TraceContext?, from start: UInt64, _ outcome: Result<EnqueueOutcome, any Error>
    ) {
        let message = job.message
        guard message.trace.isSampled else { return tracer.countUnsampled() }
        submit(.enqueue, message, parent, from: start, to: SystemClock.now(), outcome)
    }

    private func submit(
        _ operation: JobSpanShapes.Operation, _ message: JobMessage, _ parent: TraceContext?, from start: UInt64,
        to end: UInt64, _ outcome: Result<EnqueueOutcome, any Error>
    ) {
        let told = ToldOutcome(outcome)
        tracer.submit(
            ShapedSpan(
                shape(operation, in: message.queue, by: worker), context: message.trace, parent: parent?.spanID,
                startNanoseconds: start, endNanoseconds: end, status: status(of: outcome))
        ) { parts in
            Self.describe(message, parts)
            if let result = told.result { parts.attribute("spanq.enqueue.result", result) }
            if let runAt = told.runAt { parts.attribute("spanq.job.run_at", runAt.description) }
            if let errorType = told.errorType { parts.attribute("error.type", errorType) }
        }
    }

    /// Many: a send for each queue that links one creation for each job.
    ///
    /// - Parameters:
    ///   - groups: the places of the jobs by queue.
    ///   - parent: that of the sends.
    ///   - parents: those of the creations; empty where they have the same.
    func enqueued(
        _ jobs: [NewJob], _ groups: [(queue: String, places: [Int])], parent: TraceContext?, parents: [TraceContext?],
        from start: UInt64, _ outcomes: Result<[EnqueueOutcome], any Error>
    ) {
        let end = SystemClock.now()
        for (queue, places) in groups {
            var unsampled = 0
            for place in places {
                guard jobs[place].message.trace.isSampled else {
                    unsampled += 1
                    continue
                }
                submit(
                    .create, jobs[place].message, parents.isEmpty ? parent : parents[place], from: start, to: end,
                    outcomes.map { $0[place] })
            }
            tracer.countUnsampled(unsampled)
            tracer.submit(
                SpanData(
                    name: "enqueue \(queue)", kind: .client, context: tracer.makeContext(parent: parent),
                    parent: parent?.spanID, startNanoseconds: start, endNanoseconds: end,
                    attributes: attributes("enqueue", "send", queue: queue, count: places.count),
                    links: places.prefix(128).map { SpanData.Link(jobs[$0].message.trace) },
                    status: status(of: outcomes)))
        }
    }

    /// What a span says of an enqueue's outcome. Found out before the span is written, since an error may be of any type.
    private struct ToldOutcome {
        var result: String?
        var runAt: Timestamp?
        var errorType: String?

        init(_ outcome: Result<EnqueueOutcome, any Error>) {
            switch outcome {
            case .success(.accepted(_, let runAt, _)): (result, self.runAt) = ("accepted", runAt)
            case .success(.present(let job)): (result, runAt) = ("accepted", job.dueAt)
            case .success(.duplicate): result = "duplicate"
            case .success(let outcome): errorType = outcome.errorType
            case .failure(let error): errorType = ErrorType.name(of: error)
            }
        }
    }

    private func status<Value>(of outcome: Result<Value, any Error>) -> SpanData.Status {
        switch outcome {
        case .failure(let error): .error(Excerpt.bounded("\(error)", bytes: 256))
        case .success(let value):
            switch value as? EnqueueOutcome {
            case .conflict: .error("the id is taken")
            case .refused(let error): .error(Excerpt.bounded(error.message, bytes: 256))
            default: .unset
            }
        }
    }
}
