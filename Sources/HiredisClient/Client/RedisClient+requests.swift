// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueueLoop

/// The ways of a request: in, out, and aside.
extension RedisClient {
    func submit(_ request: Request) {
        guard admit(request) else { return }
        let isOverloaded =
            queue.count >= configuration.maximumPendingCommands
            || (queue.count > 0 && queue.bytes + request.size > configuration.maximumPendingBytes)
        guard !isOverloaded else {
            let message =
                "too much is waiting for \(url): \(queue.count) commands, \(queue.bytes) bytes; send less, or later"
            return finish(request, throwing: RedisError(.overloaded, message))
        }
        if let script = request.script, script.digest == nil { load(script) }
        queue.append(request)
        watchDeadline(of: request)
        perform(life.start())
    }

    func submitConnectCheck(_ request: Request) {
        guard admit(request) else { return }
        guard life.state != .ready else { return finish(request, with: .success(.null)) }
        park(request)
        connectChecks.removeAll { $0.isFinished }
        connectChecks.append(request)
        watchDeadline(of: request)
        perform(life.start())
    }

    /// Whether the request may go on: it was not cancelled on the way here, and the client is not closed.
    private func admit(_ request: Request) -> Bool {
        request.place = .parked
        if request.isCancelledEarly {
            finish(request, throwing: CancellationError())
        } else if life.state == .closed {
            finish(request, throwing: RedisError(.closed, "the Redis client was closed"))
        }
        return !request.isFinished
    }

    /// The caller is gone. What is not written is not sent; of what is written the reply goes to nowhere, see
    /// ``PendingQueue``.
    func cancel(_ request: Request) {
        // Before `submit` the completion still belongs to the task: leave a note only.
        guard request.place != .new else { return request.isCancelledEarly = true }
        guard !request.isFinished, !(request.isCertain && request.mayHaveRun) else { return }
        let isOnTheWire = request.place == .written
        finish(request, throwing: CancellationError())
        guard isOnTheWire, configuration.dropConnectionOnCancel else { return }
        lose(RedisError(.connectionLost, "a blocking command was cancelled"), isWorthALine: false)
    }

    func finish(_ request: Request, throwing error: any Error) {
        finish(request, with: .failure(error))
    }

    /// The only way in which a request ends.
    func finish(_ request: Request, with result: Result<RESPReply, any Error>) {
        guard !request.isFinished else { return }
        let place = request.place
        request.finish(with: result)
        switch place {
        case .waiting: queue.noteFinishedWaiting()
        case .parked: parked[ObjectIdentifier(request)] = nil
        case .new, .written, .done: break
        }
        guard let observer = configuration.observer else { return }
        var error: RedisError?
        if case .failure(let failure) = result {
            error = failure as? RedisError ?? RedisError(.cancelled, "cancelled", mayHaveRun: request.mayHaveRun)
        }
        observer(request.name, request.start.duration(to: .now), error)
    }

    func park(_ request: Request) {
        request.place = .parked
        parked[ObjectIdentifier(request)] = request
    }

    /// Tries a request again in a while; or gives up now if there is no time for that.
    func retryLater(_ request: Request, because error: RedisError) {
        let delay = configuration.backoff.delay(attempt: request.retries, random: .random(in: 0...1))
        let time = ContinuousClock.now + delay
        guard time < request.deadline else { return finish(request, throwing: error) }
        request.retries += 1
        park(request)
        loop.schedule(at: time) { [self] in
            guard !request.isFinished else { return }
            parked[ObjectIdentifier(request)] = nil
            queue.append(request)
        }
    }

    /// Asks Redis to keep a script, unless that is under way, or was refused on this connection. Goes out before the
    /// calls that are queued after it.
    func load(_ script: RedisScript) {
        guard loadingScripts.insert(ObjectIdentifier(script)).inserted else { return }
        let request = Request(script.loadCommand, timeout: configuration.commandTimeout, idempotent: true)
        request.completion = .scriptLoad(script)
        queue.append(request)
        watchDeadline(of: request)
    }
}

/// One timer for all commands. Nearly all of them are answered long before their deadline, so nothing is undone when they
/// are: the timer fires at the earliest deadline it was told of, looks at what is still there, and is set again. For
/// commands of one timeout that is once a timeout, however many commands there are; an idle client has none.
extension RedisClient {
    func watchDeadline(of request: Request) {
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
        var isReplyOverdue = false
        for request in queue.live + Array(parked.values) {
            if request.deadline > now {
                if request.deadline < earliest?.deadline ?? request.deadline + .nanoseconds(1) { earliest = request }
                continue
            }
            if request.place == .written { isReplyOverdue = true }
            finish(request, throwing: deadlineError(of: request))
        }
        if isReplyOverdue {
            // The reply may yet come. Not to the next caller: the connection it would come on is gone by then.
            lose(RedisError(.timeout, "a command was not answered in time"))
        }
        if let earliest { watchDeadline(of: earliest) }
    }

    private func deadlineError(of request: Request) -> RedisError {
        let time = request.start.duration(to: request.deadline)
        if request.place == .written || life.state == .ready {
            let message = "Redis at \(url) did not answer \(request.name) within \(time)"
            return RedisError(.timeout, message, mayHaveRun: request.mayHaveRun)
        }
        let cause = lastFailure.map { ": \($0.message)" } ?? ""
        let message = "cannot reach Redis at \(url) within \(time)\(cause)"
        return RedisError(.unreachable, message, mayHaveRun: request.mayHaveRun)
    }
}
