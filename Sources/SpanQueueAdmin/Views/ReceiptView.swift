package import SpanQueue
import SpanQueueTelemetry

/// What became of a job that was enqueued.
package struct ReceiptView: Encodable, Sendable {
    package let id: String
    package let type: String
    package let queue: String
    @OrNull package var state: String?
    @OrNull package var runAt: String?
    package let duplicate: Bool
    package let traceID: String

    private enum CodingKeys: String, CodingKey {
        case id, type, queue, state, duplicate
        case runAt = "run_at"
        case traceID = "trace_id"
    }

    package init(_ receipt: EnqueueReceipt) {
        id = receipt.id.description
        type = receipt.type
        queue = receipt.queue
        state = receipt.state?.rawValue
        runAt = receipt.runAt?.description
        duplicate = receipt.isDuplicate
        traceID = receipt.traceID.description
    }
}

/// A job of a batch that was not enqueued.
package struct RefusalView: Encodable, Sendable {
    package struct Problem: Encodable, Sendable {
        /// A word for programs, as `SpanQueueError.Code` has it.
        package let code: String
        package let message: String
    }

    /// Its place in the batch, from 1.
    package let line: Int
    package let error: Problem

    package init(line: Int, code: String, message: String) {
        self.line = line
        error = Problem(code: code, message: message)
    }
}
