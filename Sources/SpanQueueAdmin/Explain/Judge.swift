// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueue

/// What is known when it is asked why a job does not run, and what follows from it. It does no I/O: one judge for the command, REST and
/// whatever else shows it.
struct Judge {
    let counts: QueueCounts
    /// Those that serve the queue.
    let workers: [WorkerInfo]
    let now: Timestamp

    typealias Reason = Explanation.Reason

    private var queue: String { counts.queue }

    // MARK: Queues

    /// What keeps every job of the queue; with a type, every job of that type.
    func keeping(_ type: String? = nil) -> [Reason] {
        var reasons: [Reason] = []
        if counts.isPaused {
            reasons.append(Reason("queue_paused", paused, "spanq queue resume \(queue)"))
        }
        let slots = workers.reduce(0) { $0 + $1.concurrency }
        let busy = workers.reduce(0) { $0 + $1.busy }
        if workers.isEmpty {
            reasons.append(Reason("no_worker", "no live worker serves queue \(queue)", "spanq worker list"))
            return reasons
        }
        if let type, isWithoutHandler(type) {
            let those = workers.count == 1 ? "the live worker" : "none of the \(workers.count) live workers"
            let has = workers.count == 1 ? "has no handler" : "has a handler"
            reasons.append(
                Reason("no_handler", "\(those) of queue \(queue) \(has) for type \(type)", "spanq worker list"))
        }
        if busy >= slots {
            let word = workers.count == 1 ? "worker" : "workers"
            reasons.append(
                Reason(
                    "workers_full", "all \(slots) slots of its \(workers.count) \(word) are busy",
                    "spanq job list --queue \(queue) --state active"))
        }
        return reasons
    }

    /// Whether all of the queue's workers have said which types they have handlers for, and this is none of them.
    private func isWithoutHandler(_ type: String) -> Bool {
        workers.allSatisfy { worker in
            !worker.types.isEmpty && worker.types.count < WorkerInfo.mostTypes && !worker.handles(type)
        }
    }

    /// Since when, by whom and why, as far as that is known.
    var paused: String {
        guard let pause = counts.pause else { return "queue \(queue) is paused" }
        let by = pause.note.by.map { "by \($0), " } ?? ""
        let reason = pause.note.reason.isEmpty ? "" : ": \(pause.note.reason)"
        return "queue \(queue) is paused (\(by)\(text(now - pause.at)) ago)\(reason)"
    }

    // MARK: Jobs

    func reasons(for record: JobRecord) -> [Reason] {
        switch record.state {
        case .active: running(record)
        case .completed, .dead, .cancelled: [ended(record)]
        case .scheduled, .retrying: waitsForItsTime(record)
        case .held: expiry(record) + [Reason("held", "it is held back, by a limit or until other jobs end")]
        default: expiry(record) + waits(record)
        }
    }

    private func running(_ record: JobRecord) -> [Reason] {
        guard let claim = record.claim else { return [Reason("running", "a worker has it")] }
        let left = claim.leaseExpiresAt - now
        let lease =
            left > .zero
            ? "its lease lasts another \(text(left))"
            : "its lease ran out \(text(now - claim.leaseExpiresAt)) ago, and another worker will take it back"
        var reasons = [
            Reason(
                "running",
                "attempt \(record.attempt) of at most \(record.message.maxAttempts) runs on \(claim.worker) "
                    + "since \(text(now - claim.claimedAt)); \(lease)", "spanq job trace \(record.message.id)")
        ]
        if record.cancelRequested {
            reasons.append(Reason("cancel_requested", "its worker will hear of the cancel within a heartbeat"))
        }
        return reasons
    }

    private func ended(_ record: JobRecord) -> Reason {
        let ago = record.run.changedAt.map { " \(text(now - $0)) ago" } ?? ""
        let why = record.run.endReason.flatMap { $0.isEmpty ? nil : " (\($0))" } ?? ""
        let error = record.run.lastError.map { ": \($0)" } ?? ""
        switch record.state {
        case .dead:
            return Reason("ended", "it died\(ago)\(why)\(error)", "spanq job redrive \(record.message.id)")
        case .cancelled: return Reason("ended", "it was cancelled\(ago)\(why)")
        default: return Reason("ended", "it completed\(ago)")
        }
    }

    private func waitsForItsTime(_ record: JobRecord) -> [Reason] {
        guard let due = record.dueAt, due > now else {
            // The next claim makes it ready.
            return expiry(record) + waits(record)
        }
        let time = "in \(text(due - now)), at \(due)"
        let error = record.run.lastError.map { " (\($0))" } ?? ""
        // For nothing that is charged: a type without a handler, or a handler that found it too early.
        let put =
            record.run.attempts == 0
            ? "it was put off\(error), and is looked at again \(time)"
            : "attempt \(record.run.attempts) of at most \(record.message.maxAttempts) failed\(error), the next one is due \(time)"
        let own =
            record.state == .scheduled
            ? Reason("not_due", "it is due \(time)", "spanq job redrive \(record.message.id)")
            : Reason("retry_delay", put, "spanq job redrive \(record.message.id)")
        return expiry(record) + [own] + keeping(record.message.type)
    }

    private func waits(_ record: JobRecord) -> [Reason] {
        let kept = keeping(record.message.type)
        let others = counts[.ready] - (record.state == .ready ? 1 : 0)
        if others > 0 {
            return kept + [
                Reason(
                    "behind", "ready jobs of queue \(queue) that are ahead of it: at most \(others)",
                    "spanq queue stats \(queue)")
            ]
        }
        return kept.isEmpty ? [Reason("next", "nothing keeps it: the next claim takes it")] : kept
    }

    private func expiry(_ record: JobRecord) -> [Reason] {
        guard let deadline = record.message.deadline, deadline < now else { return [] }
        return [
            Reason(
                "deadline_passed", "its deadline passed \(text(now - deadline)) ago: a worker that claims it buries it")
        ]
    }

    /// To two digits or so.
    private func text(_ duration: Duration) -> String {
        let seconds = max(0, duration.components.seconds)
        switch seconds {
        case ..<1: return "\(max(0, duration.milliseconds))ms"
        case ..<60: return "\(seconds)s"
        case ..<3600: return "\(seconds / 60)m\(seconds % 60)s"
        case ..<86_400: return "\(seconds / 3600)h\(seconds % 3600 / 60)m"
        default: return "\(seconds / 86_400)d\(seconds % 86_400 / 3600)h"
        }
    }
}
