// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import NIOConcurrencyHelpers
import SpanQueueLoop

/// A call that is under way, for a caller who has something to do before its reply is needed. Calls that were started one after the
/// other by one task go to Redis in that order.
package final class PendingReply: Sendable {
    private enum State {
        case open
        case awaited(UnsafeContinuation<RESPReply, any Error>)
        case finished(Result<RESPReply, any Error>)
    }

    private let client: RedisClient
    private let request: Request
    private let state = NIOLockedValueBox(State.open)

    init(_ request: Request, of client: RedisClient) {
        self.request = request
        self.client = client
        request.completion = .pending(self)
        client.post { $0.submit(request) }
    }

    /// Waits for the reply; for one task, once. Throws what ``RedisClient/run(_:timeout:idempotent:)`` throws.
    package func value() async throws -> RESPReply {
        try await withTaskCancellationHandler {
            try await withUnsafeThrowingContinuation { continuation in
                let result = state.withLockedValue { state -> Result<RESPReply, any Error>? in
                    if case .finished(let result) = state { return result }
                    state = .awaited(continuation)
                    return nil
                }
                if let result { continuation.resume(with: result) }
            }
        } onCancel: {
            cancel()
        }
    }

    /// Waits until the call has ended, or this task is cancelled. The call goes on in either case.
    package func finished() async {
        try? await withTaskCancellationHandler {
            _ = try await withUnsafeThrowingContinuation { continuation in
                let result = state.withLockedValue { state -> Result<RESPReply, any Error>? in
                    if case .finished(let result) = state { return result }
                    if Task.isCancelled { return .failure(CancellationError()) }
                    state = .awaited(continuation)
                    return nil
                }
                if let result { continuation.resume(with: result) }
            }
        } onCancel: {
            let continuation = state.withLockedValue { state -> UnsafeContinuation<RESPReply, any Error>? in
                guard case .awaited(let continuation) = state else { return nil }
                state = .open
                return continuation
            }
            continuation?.resume(throwing: CancellationError())
        }
    }

    /// What has become of it; nil while it is under way, or awaited.
    package var result: Result<RESPReply, any Error>? {
        state.withLockedValue { if case .finished(let result) = $0 { result } else { nil } }
    }

    /// Gives the call up. What is not written yet is not sent.
    private func cancel() {
        client.loop.execute { [client, request] in client.assumeIsolated { $0.cancel(request) } }
    }

    /// On the loop's thread, once.
    func finish(with result: Result<RESPReply, any Error>) {
        let continuation = state.withLockedValue { state -> UnsafeContinuation<RESPReply, any Error>? in
            guard case .awaited(let continuation) = state else {
                state = .finished(result)
                return nil
            }
            state = .finished(result)
            return continuation
        }
        continuation?.resume(with: result)
    }
}
