// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

/// Requests of one caller that leave together, and the answers to them, gathered.
///
/// `@unchecked Sendable`: its caller's until the requests are submitted, and the loop's from then on, as each of them is.
package final class RequestBatch<Request: AnyObject & Sendable, Reply: Sendable, Failure: Error>: @unchecked Sendable {
    package typealias Answers = [Result<Reply, Failure>]

    package let requests: [Request]
    /// Unsafe continuations suffice where each request is finished, sooner or later.
    package var continuation: UnsafeContinuation<Answers, any Error>?
    private var answers: [Result<Reply, Failure>?]
    private var missing: Int

    /// - Parameter join: tells a request that its answer goes to this batch, and to which place of it.
    package init(_ requests: [Request], join: (Request, RequestBatch, Int) -> Void) {
        self.requests = requests
        answers = Array(repeating: nil, count: requests.count)
        missing = requests.count
        for (index, request) in requests.enumerated() { join(request, self, index) }
    }

    /// One request is done. The caller resumes with the last of them; or at once where one ends with another error than a `Failure`:
    /// it was cancelled, and cancellation is of them all.
    package func set(_ index: Int, _ result: Result<Reply, any Error>) {
        switch result {
        case .success(let reply): answers[index] = .success(reply)
        case .failure(let error as Failure): answers[index] = .failure(error)
        case .failure(let error): return resume(with: .failure(error))
        }
        missing -= 1
        if missing == 0 { resume(with: .success(answers.compactMap { $0 })) }
    }

    private func resume(with result: Result<Answers, any Error>) {
        continuation?.resume(with: result)
        continuation = nil
    }
}
