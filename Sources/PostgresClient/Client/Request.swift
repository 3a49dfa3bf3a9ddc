// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueueLoop

/// A call on its way.
///
/// `@unchecked Sendable`: its caller's until it is submitted, and the loop's from then on.
final class Request: LinedCall, @unchecked Sendable {
    enum Completion {
        case none
        /// Unsafe continuations suffice: `finish(with:)` takes the completion out as it uses it, and every request in the client's line
        /// is finished by an answer, its deadline, its cancellation or `close()`.
        case caller(UnsafeContinuation<PostgresRows, any Error>)
        case part(PipelineBatch, index: Int)
        /// Of one who does not wait; called on the loop's thread.
        case callback(@Sendable () -> Void)
    }

    private(set) var call: PostgresCall
    let isIdempotent: Bool
    /// Whether a cancellation ends it only while it was never written: its caller must know whether it ran.
    let isCertain: Bool
    let start: ContinuousClock.Instant
    let deadline: ContinuousClock.Instant
    let size: Int
    let name: String
    var completion = Completion.none
    var unanswered = 0
    var conflicts = 0
    /// What the server has answered so far.
    var answer: Result<PostgresRows, PostgresError>?
    private(set) var isFinished = false
    /// Cancelled before the loop saw it.
    var isCancelledEarly = false
    var isSubmitted = false
    /// Whether it was on a connection that broke before the answer came.
    var mayHaveRun = false

    init(_ call: PostgresCall, timeout: Duration, idempotent: Bool, certain: Bool) {
        self.call = call
        name = call.name
        isIdempotent = idempotent
        isCertain = certain
        size = call.size
        start = .now
        deadline = start + timeout
    }

    /// Tells the caller, the first time; from then on the request is at most a place in the line, without its bytes.
    func finish(with result: Result<PostgresRows, any Error>) {
        isFinished = true
        let completion = completion
        self.completion = .none
        call = PostgresCall(name, "")
        switch completion {
        case .none: break
        case .caller(let continuation): continuation.resume(with: result)
        case .part(let batch, let index): batch.set(index, result)
        case .callback(let callback): callback()
        }
    }
}

/// The calls of one pipeline.
typealias PipelineBatch = RequestBatch<Request, PostgresRows, PostgresError>
