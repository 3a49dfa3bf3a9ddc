// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueueLoop

extension PostgresClient {
    /// Makes a call and waits for its rows.
    ///
    /// Throws the server's error as a ``PostgresError``, `CancellationError` at once if the task is cancelled, and
    /// ``PostgresError/Code/timeout`` or ``PostgresError/Code/unreachable`` at the deadline. Where other transactions were in the way
    /// (40001, 40P01, 55P03) it is made again until then.
    ///
    /// - Parameters:
    ///   - idempotent: whether a second run does no harm. If so it is made again when the connection breaks.
    ///   - certain: throw `CancellationError` only where it was not sent and never will be; else wait for its answer, or the time limit,
    ///     also in a task that is cancelled.
    package nonisolated func run(
        _ call: PostgresCall, timeout: Duration? = nil, idempotent: Bool, certain: Bool = false
    ) async throws -> PostgresRows {
        let request = Request(
            call, timeout: timeout ?? configuration.callTimeout, idempotent: idempotent, certain: certain)
        return try await withTaskCancellationHandler {
            try await withUnsafeThrowingContinuation { continuation in
                request.completion = .caller(continuation)
                loop.execute { self.assumeIsolated { $0.submit(request) } }
            }
        } onCancel: {
            loop.execute { self.assumeIsolated { $0.cancel(request) } }
        }
    }

    /// Makes calls, one after the other without waiting in between, and waits for all answers. One that fails does not keep the others
    /// from running. Throws only `CancellationError`.
    package nonisolated func pipeline(
        _ calls: [PostgresCall], timeout: Duration? = nil, idempotent: Bool, certain: Bool = false
    ) async throws(CancellationError) -> [Result<PostgresRows, PostgresError>] {
        guard !calls.isEmpty else { return [] }
        let timeout = timeout ?? configuration.callTimeout
        let requests = calls.map { Request($0, timeout: timeout, idempotent: idempotent, certain: certain) }
        let batch = PipelineBatch(requests) { $0.completion = .part($1, index: $2) }
        do {
            return try await withTaskCancellationHandler {
                try await withUnsafeThrowingContinuation { continuation in
                    batch.continuation = continuation
                    loop.execute { self.assumeIsolated { client in batch.requests.forEach(client.submit) } }
                }
            } onCancel: {
                loop.execute { self.assumeIsolated { client in batch.requests.forEach(client.cancel) } }
            }
        } catch {
            throw CancellationError()
        }
    }

    /// Makes a call that nobody waits for; its failure is noticed by the observer alone.
    ///
    /// - Parameter ended: called on the loop's thread when it is over, whatever has become of it.
    package nonisolated func post(_ call: PostgresCall, ended: @escaping @Sendable () -> Void = {}) {
        let request = Request(call, timeout: configuration.callTimeout, idempotent: true, certain: false)
        request.completion = .callback(ended)
        loop.execute { self.assumeIsolated { $0.submit(request) } }
    }

    /// Waits until there is a connection.
    ///
    /// Throws ``PostgresError``: at once where the server refuses us, or can't be reached and the configuration does not wait for it.
    package func connect(timeout: Duration) async throws {
        if life.state == .ready { return }
        guard life.state != .closed else { throw PostgresError(.closed, "the Postgres client was closed") }
        lastWaiter += 1
        let number = lastWaiter
        let timer = loop.schedule(at: .now + timeout) { [self] in
            let cause = lastFailure.map { ": \($0.message)" } ?? ""
            connectWaiters.removeValue(forKey: number)?.resume(
                throwing: PostgresError(.unreachable, "cannot reach Postgres at \(url) within \(timeout)\(cause)"))
        }
        defer { loop.cancel(timer) }
        try await withTaskCancellationHandler {
            try await withUnsafeThrowingContinuation { (continuation: UnsafeContinuation<Void, any Error>) in
                guard !Task.isCancelled else { return continuation.resume(throwing: CancellationError()) }
                connectWaiters[number] = continuation
                perform(life.start())
            }
        } onCancel: {
            loop.execute {
                self.assumeIsolated {
                    $0.connectWaiters.removeValue(forKey: number)?.resume(throwing: CancellationError())
                }
            }
        }
    }

    // MARK: On the loop's thread

    func submit(_ request: Request) {
        request.isSubmitted = true
        if request.isCancelledEarly { return finish(request, with: .failure(CancellationError())) }
        guard life.state != .closed else {
            return finish(request, throwing: PostgresError(.closed, "the Postgres client was closed"))
        }
        guard line.add(request) else {
            return finish(
                request,
                throwing: PostgresError(.overloaded, "too many calls wait for Postgres at \(url): try again later"))
        }
        watchDeadline(of: request)
        perform(life.start())
    }

    /// A cancelled caller resumes at once; nobody else gets what was to be its answer.
    func cancel(_ request: Request) {
        guard request.isSubmitted else {
            request.isCancelledEarly = true
            return
        }
        guard !request.isFinished, !request.isCertain || !mayHaveRun(request) else { return }
        parked[ObjectIdentifier(request)] = nil
        observe(request, PostgresError(.cancelled, "cancelled"))
        request.finish(with: .failure(CancellationError()))
    }

    func mayHaveRun(_ request: Request) -> Bool { request.unanswered > 0 || request.mayHaveRun }

    func finish(_ request: Request, throwing error: PostgresError) {
        finish(request, with: .failure(error))
    }

    func finish(_ request: Request, with result: Result<PostgresRows, any Error>) {
        guard !request.isFinished else { return }
        switch result {
        case .success: observe(request, nil)
        case .failure(let error): observe(request, error as? PostgresError ?? PostgresError(.cancelled, "cancelled"))
        }
        request.finish(with: result)
    }

    private func observe(_ request: Request, _ error: PostgresError?) {
        configuration.observer?(request.name, request.start.duration(to: .now), error)
    }

    // MARK: Deadlines

    private func watchDeadline(of request: Request) {
        if let deadlineTimer {
            guard request.deadline < deadlineTimer.deadline else { return }
            loop.cancel(deadlineTimer)
        }
        deadlineTimer = loop.schedule(at: request.deadline) { [self] in expire() }
    }

    private func expire() {
        deadlineTimer = nil
        let now = ContinuousClock.now
        var earliest: Request?
        var isAnswerOverdue = false
        for request in line.live + Array(parked.values) {
            if request.deadline > now {
                if request.deadline < earliest?.deadline ?? request.deadline + .nanoseconds(1) { earliest = request }
                continue
            }
            if request.unanswered > 0 { isAnswerOverdue = true }
            parked[ObjectIdentifier(request)] = nil
            finish(request, throwing: deadlineError(of: request))
        }
        if isAnswerOverdue {
            // The answer may yet come, on a connection that is gone by then. What stands behind it must not wait for it.
            lose(PostgresError(.timeout, "a call was not answered in time"))
        }
        if let earliest { watchDeadline(of: earliest) }
    }

    private func deadlineError(of request: Request) -> PostgresError {
        let time = request.start.duration(to: request.deadline)
        if life.state == .ready {
            return PostgresError(
                .timeout, "Postgres at \(url) did not answer \(request.name) within \(time)",
                mayHaveRun: mayHaveRun(request))
        }
        let cause = lastFailure.map { ": \($0.message)" } ?? ""
        return PostgresError(
            .unreachable, "cannot reach Postgres at \(url) within \(time)\(cause)", mayHaveRun: mayHaveRun(request))
    }
}
