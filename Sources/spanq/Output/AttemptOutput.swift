import SpanQueue
import SpanQueueTelemetry

/// One attempt at a job as `--json` shows it; the one that runs now has no end and no outcome.
struct AttemptOutput: Encodable, Sendable {
    let number: Int
    let startedAt: String
    @OrNull var endedAt: String?
    @OrNull var outcome: String?
    let worker: String
    @OrNull var error: String?
    @OrNull var errorType: String?
    let spanID: String
    let token: String

    private enum CodingKeys: String, CodingKey {
        case number, outcome, worker, error, token
        case startedAt = "started_at"
        case endedAt = "ended_at"
        case errorType = "error_type"
        case spanID = "span_id"
    }

    static func all(of record: JobRecord) -> [AttemptOutput] {
        let ended = record.run.attemptRecords.map { AttemptOutput($0, in: record) }
        guard record.state == .active, let claim = record.claim else { return ended }
        return ended + [AttemptOutput(claim, in: record)]
    }

    private init(_ attempt: AttemptRecord, in record: JobRecord) {
        number = attempt.number
        startedAt = attempt.claimedAt.description
        endedAt = attempt.endedAt.description
        outcome = attempt.outcome.rawValue
        worker = attempt.worker
        error = attempt.error
        errorType = attempt.errorType
        spanID = attempt.spanID(in: record.message.trace).description
        token = attempt.token.description
    }

    private init(_ claim: ActiveClaim, in record: JobRecord) {
        number = record.attempt
        startedAt = claim.claimedAt.description
        worker = claim.worker
        spanID = claim.token.spanID(in: record.message.trace.traceID).description
        token = claim.token.description
    }
}
