// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

package import SpanQueue
import SpanQueueTelemetry

/// What became of a job that was enqueued.
package struct ReceiptView: Encodable, Sendable {
    package let id: String
    @OrNull package var type: String?
    package let queue: String
    @OrNull package var state: String?
    @OrNull package var runAt: String?
    package let duplicate: Bool
    @OrNull package var traceID: String?

    private enum CodingKeys: String, CodingKey {
        case id, type, queue, state, duplicate
        case runAt = "run_at"
        case traceID = "trace_id"
    }

    package init(_ receipt: EnqueueReceipt) {
        id = receipt.id.description
        // Of a job whose record is gone only its id and queue are known.
        let isKnown = receipt.state != nil
        type = isKnown ? receipt.type : nil
        queue = receipt.queue
        state = receipt.state?.rawValue
        runAt = receipt.runAt?.description
        duplicate = receipt.isDuplicate
        traceID = isKnown ? receipt.traceID.description : nil
    }
}

/// What became of the jobs of a batch, in order.
package struct ReceiptsView: Encodable, Sendable {
    package enum Result: Encodable, Sendable {
        case done(ReceiptView)
        case refused(RefusalView)

        package func encode(to encoder: any Encoder) throws {
            switch self {
            case .done(let view): try view.encode(to: encoder)
            case .refused(let view): try view.encode(to: encoder)
            }
        }
    }

    package let results: [Result]

    package init(results: [Result]) {
        self.results = results
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
