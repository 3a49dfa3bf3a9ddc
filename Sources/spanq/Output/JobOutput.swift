import SpanQueue
import SpanQueueTelemetry

/// A job's record as `--json` shows it. The names are a contract: add, never change.
struct JobOutput: Encodable, Sendable {
    struct Progress: Encodable, Sendable {
        let fraction: Double
        let note: String
    }

    let id: String
    let type: String
    let queue: String
    let state: String
    let attempt: Int
    let maxRetries: Int
    let reclaims: Int
    @OrNull var lastError: String?
    let traceID: String
    let traceparent: String
    let enqueuedAt: String
    @OrNull var runAt: String?
    @OrNull var payload: String?
    let payloadBase64: String?
    @OrNull var result: String?
    let resultBase64: String?
    @OrNull var progress: Progress?
    let tags: [String]
    let priority: Int
    let attempts: [AttemptOutput]
    @OrNull var reason: String?
    @OrNull var deadline: String?
    @OrNull var worker: String?
    @OrNull var leaseExpiresAt: String?
    let cancelRequested: Bool
    @OrNull var timeout: String?
    @OrNull var retention: String?
    @OrNull var unique: String?
    @OrNull var uniqueDigest: String?
    let events: [EventOutput]

    private enum CodingKeys: String, CodingKey {
        case id, type, queue, state, attempt, reclaims, traceparent, payload, result, progress, tags, priority, attempts
        case reason, deadline, worker, events, timeout, retention, unique
        case uniqueDigest = "unique_digest"
        case maxRetries = "max_retries"
        case lastError = "last_error"
        case traceID = "trace_id"
        case enqueuedAt = "enqueued_at"
        case runAt = "run_at"
        case payloadBase64 = "payload_base64"
        case resultBase64 = "result_base64"
        case leaseExpiresAt = "lease_expires_at"
        case cancelRequested = "cancel_requested"
    }

    init(_ record: JobRecord) {
        let message = record.message
        let payload = BytesOutput(message.payload)
        let result = BytesOutput(record.run.result)
        self.id = message.id.description
        self.type = message.type
        self.queue = message.queue
        self.state = record.state.rawValue
        self.attempt = record.attempt
        self.maxRetries = message.maxRetries
        self.reclaims = record.run.reclaims
        self.lastError = record.run.lastError
        self.traceID = message.trace.traceID.description
        self.traceparent = message.trace.traceParent
        self.enqueuedAt = message.enqueuedAt.description
        self.runAt = (record.dueAt ?? message.runAt)?.description
        self.payload = payload.text
        self.payloadBase64 = payload.base64
        self.result = result.text
        self.resultBase64 = result.base64
        self.progress = record.run.progress.map { Progress(fraction: $0.fraction, note: $0.note) }
        self.tags = message.tags
        self.priority = message.priority
        self.attempts = AttemptOutput.all(of: record)
        self.reason = record.state.isTerminal ? record.run.endReason : nil
        self.deadline = message.deadline?.description
        self.worker = record.claim?.worker
        self.leaseExpiresAt = record.claim?.leaseExpiresAt.description
        self.cancelRequested = record.cancelRequested
        self.timeout = message.timeout.map(DurationText.format)
        self.retention = message.retention.text
        self.unique = message.unique?.span.text
        self.uniqueDigest = message.unique?.digest.hexadecimal
        self.events = record.run.history.compactMap(EventOutput.init)
    }
}
