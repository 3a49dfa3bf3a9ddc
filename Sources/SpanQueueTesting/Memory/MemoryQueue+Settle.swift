package import SpanQueue

extension MemoryQueue {
    /// Ends attempts in the order given.
    package mutating func settle(_ settlements: [Settlement], at now: Timestamp) -> [SettleOutcome] {
        var released: [(id: JobID, priority: Int)] = []
        let outcomes = settlements.map { settle($0, at: now, released: &released) }
        // From the last to the first, so that jobs released together keep their order at the head.
        for (id, priority) in released.reversed() {
            move(id, to: .ready(priority: priority, turn: turnBeforeAll()))
        }
        if !released.isEmpty { wake() }
        // At the end, so that a repeat in this call still finds the record it is recognised by.
        for old in standardCompletions.dropLast(keeping.completedJobs) { forget(old.id) }
        return outcomes
    }

    private mutating func settle(
        _ settlement: Settlement, at now: Timestamp, released: inout [(id: JobID, priority: Int)]
    ) -> SettleOutcome {
        let id = settlement.reference.id
        guard claim(named: settlement.reference) != nil, !released.contains(where: { $0.id == id }) else {
            return wasSettled(by: settlement) ? .settled : .lost
        }
        var run = settlement.run
        run.endLatestAttempt(at: now)
        var isOver = true
        switch settlement.verdict {
        case .retry, .release:
            if let reason = entries[id]?.cancelReason {
                // Asked for while it ran, and unheard by its worker: the job is called off instead of going on.
                run.append(.cancelled(at: now, reason: reason))
                moveToCancelled(id, at: now)
            } else if case .retry(let delay) = settlement.verdict {
                isOver = false
                move(id, to: .retrying(due: now + delay, priority: settlement.terms.priority))
                if self[.retrying].first?.id == id { wake() }
            } else {
                isOver = false
                released.append((id, settlement.terms.priority))
            }
        case .complete: complete(id, settlement.terms.retention, at: now)
        case .bury: moveToDead(id, at: now)
        case .cancel:
            // The reason is that of the person who asked for it, where one was given.
            if let reason = entries[id]?.cancelReason, !reason.isEmpty {
                run.append(.cancelled(at: now, reason: reason))
            }
            moveToCancelled(id, at: now)
        }
        if isOver, settlement.terms.unique?.span == .untilFinished { release(settlement.terms.unique, of: id) }
        entries[id]?.run = run
        entries[id]?.cancelReason = nil
        return .settled
    }

    /// Whether the record is the one that this settlement wrote, or has only grown since: then this is its repeat, and is
    /// answered as it was.
    private func wasSettled(by settlement: Settlement) -> Bool {
        entries[settlement.reference.id]?.run.continues(settlement.run) ?? false
    }

    private mutating func complete(_ id: JobID, _ retention: Retention, at now: Timestamp) {
        totals.completed += 1
        switch retention.kind {
        case .standard:
            move(id, to: .completed(at: now, turn: nextTurn()))
        case .none: forget(id)
        // One of no length is none: a record is never kept by being asked to keep it for less than a millisecond.
        case .duration(let span) where span.milliseconds <= 0: forget(id)
        case .duration(let span): move(id, to: .retained(until: now + span))
        }
    }

    /// The completed jobs with the standard retention, oldest first.
    var standardCompletions: ArraySlice<Line.Member> {
        let line = self[.completed]
        return line.members.dropFirst(line.count { $0.rank.major >= Place.firstStandardCompletion })
    }
}

extension RunRecord {
    /// Writes the end of the attempt that was recorded last.
    fileprivate mutating func endLatestAttempt(at now: Timestamp) {
        guard var record = history.last?.attempt else { return }
        record.endedAt = now
        history[history.count - 1] = .attempt(record)
    }

    /// Whether this is what a settlement wrote, its end time aside, or that with later events behind it.
    fileprivate func continues(_ settled: RunRecord) -> Bool {
        var start = self
        start.history = Array(history.prefix(settled.history.count))
        if let record = settled.history.last?.attempt, start.history.last?.attempt != nil {
            start.endLatestAttempt(at: record.endedAt)
        }
        return start == settled
    }
}
