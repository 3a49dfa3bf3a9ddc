// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueueLoop

extension RedisClient {
    /// Sends a command and waits for its reply.
    ///
    /// Throws the server's error as a ``RedisError``, `CancellationError` at once if the task is cancelled, and
    /// ``RedisError/Code/timeout`` or ``RedisError/Code/unreachable`` at the deadline.
    ///
    /// - Parameters:
    ///   - idempotent: whether a second run does no harm. If so it is sent again when the connection breaks.
    ///   - retried: whether it is sent again, until the deadline, where Redis has not run it and a wait may cure that (LOADING, BUSY,
    ///     TRYAGAIN, CLUSTERDOWN, MASTERDOWN, NOREPLICAS, READONLY). That needs not be idempotent, but leaves the order of the calls.
    package nonisolated func send(
        _ command: RESPCommand, timeout: Duration? = nil, idempotent: Bool, retried: Bool = true
    ) async throws -> RESPReply {
        let timeout = timeout ?? configuration.commandTimeout
        return try await perform(Request(command, timeout: timeout, idempotent: idempotent, retried: retried))
    }

    /// Calls a script by its digest; by its source if Redis has lost it, which proves that it did not run.
    ///
    /// - Parameter certain: throw `CancellationError` only where it was not sent and never will be; else wait for its reply, or the
    ///   time limit, also in a task that is cancelled.
    package nonisolated func run(
        _ call: RedisScriptCall, timeout: Duration? = nil, idempotent: Bool, certain: Bool = false
    ) async throws -> RESPReply {
        let timeout = timeout ?? configuration.commandTimeout
        let request = Request(call, timeout: timeout, idempotent: idempotent, certain: certain)
        return try await perform(request)
    }

    /// Calls a script, and does not wait for its reply. `certain` is as for `run`.
    package nonisolated func start(
        _ call: RedisScriptCall, timeout: Duration? = nil, idempotent: Bool, certain: Bool = false
    ) -> PendingReply {
        let timeout = timeout ?? configuration.commandTimeout
        return PendingReply(Request(call, timeout: timeout, idempotent: idempotent, certain: certain), of: self)
    }

    /// Sends a command, and does not wait for its reply.
    package nonisolated func start(
        _ command: RESPCommand, timeout: Duration? = nil, idempotent: Bool
    ) -> PendingReply {
        PendingReply(
            Request(command, timeout: timeout ?? configuration.commandTimeout, idempotent: idempotent), of: self)
    }

    package nonisolated func run(
        _ script: RedisScript, keys: [String], timeout: Duration? = nil, idempotent: Bool,
        arguments: (inout RESPCommand) -> Void = { _ in }
    ) async throws -> RESPReply {
        let call = RedisScriptCall(script, keys: keys, arguments: arguments)
        return try await run(call, timeout: timeout, idempotent: idempotent)
    }

    /// Sends commands in one write, one after the other, and waits for all replies. One that fails does not keep the
    /// others from running. Throws only `CancellationError`. `retried` is as for `send`: false where the order matters.
    package nonisolated func pipeline(
        _ commands: [RESPCommand], timeout: Duration? = nil, idempotent: Bool, retried: Bool = true
    ) async throws -> [Result<RESPReply, RedisError>] {
        let timeout = timeout ?? configuration.commandTimeout
        return try await perform(
            commands.map { Request($0, timeout: timeout, idempotent: idempotent, retried: retried) })
    }

    /// Calls scripts in one write. Each is called again by itself if Redis has lost it; the order is then another.
    package nonisolated func pipeline(
        _ calls: [RedisScriptCall], timeout: Duration? = nil, idempotent: Bool
    ) async throws -> [Result<RESPReply, RedisError>] {
        let timeout = timeout ?? configuration.commandTimeout
        return try await perform(calls.map { Request($0, timeout: timeout, idempotent: idempotent) })
    }

    /// Sends a request from here if the connection is idle; else hands it to the loop and waits. Not isolated to the actor: the caller is
    /// resumed straight from the loop, with no hop through the actor.
    nonisolated private func perform(_ request: Request) async throws -> RESPReply {
        let rest: DirectLine.Rest?
        switch exchange(request) {
        case .replied(let reply, let rest):
            if let rest { loop.execute { self.assumeIsolated { $0.takeBack(rest) } } }
            return reply
        case .notTaken: rest = nil
        case .open(let open): rest = open
        }
        return try await withTaskCancellationHandler {
            try await withUnsafeThrowingContinuation { continuation in
                request.completion = .caller(continuation)
                if let rest {
                    loop.execute { self.assumeIsolated { $0.takeBack(rest) } }
                } else {
                    post { $0.submit(request) }
                }
            }
        } onCancel: {
            loop.execute { self.assumeIsolated { $0.cancel(request) } }
        }
    }

    nonisolated private func perform(_ requests: [Request]) async throws -> [Result<RESPReply, RedisError>] {
        guard !requests.isEmpty else { return [] }
        let batch = PipelineBatch(requests) { $0.completion = .part($1, index: $2) }
        return try await withTaskCancellationHandler {
            try await withUnsafeThrowingContinuation { continuation in
                batch.continuation = continuation
                post { client in batch.requests.forEach(client.submit) }
            }
        } onCancel: {
            loop.execute { self.assumeIsolated { client in batch.requests.forEach(client.cancel) } }
        }
    }
}
