import SpanQueue
import SpanQueueTelemetry

/// What `enqueue --json` prints of a job.
struct ReceiptOutput: Encodable, Sendable {
    let id: String
    let type: String
    let queue: String
    @OrNull var state: String?
    @OrNull var runAt: String?
    let duplicate: Bool
    let traceID: String

    private enum CodingKeys: String, CodingKey {
        case id, type, queue, state, duplicate
        case runAt = "run_at"
        case traceID = "trace_id"
    }

    init(_ receipt: EnqueueReceipt) {
        id = receipt.id.description
        type = receipt.type
        queue = receipt.queue
        state = receipt.state?.rawValue
        runAt = receipt.runAt?.description
        duplicate = receipt.isDuplicate
        traceID = receipt.traceID.description
    }
}
