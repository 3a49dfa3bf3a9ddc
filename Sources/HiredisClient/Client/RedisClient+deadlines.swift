// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueueLoop

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
