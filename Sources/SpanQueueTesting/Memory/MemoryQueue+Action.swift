package import SpanQueue

extension MemoryQueue {
    /// Does to one job what a person asked for.
    package mutating func perform(_ action: JobAction, on id: JobID, at now: Timestamp) -> ActionOutcome {
        guard let state = entries[id]?.place.state else { return .notFound }
        switch action {
        case .cancel(let reason): return cancel(id, in: state, reason: reason, at: now)
        case .bury(let reason): return bury(id, in: state, reason: reason, at: now)
        case .redrive: return redrive(id, in: state, at: now)
        case .remove:
            guard state != .active else { return .invalidState(state) }
            remove(id)
            return .done(nil)
        }
    }

    private mutating func cancel(
        _ id: JobID, in state: JobState, reason: String, at now: Timestamp
    ) -> ActionOutcome {
        switch state {
        case .active:
            entries[id]?.cancelReason = reason
            return .requested
        case .cancelled: return .done(state)
        case .scheduled, .ready, .retrying:
            moveToCancelled(id, at: now)
            release(entries[id]?.message.unique, of: id)
            entries[id]?.run.append(.cancelled(at: now, reason: reason))
            return .done(.cancelled)
        default: return .invalidState(state)
        }
    }

    private mutating func bury(
        _ id: JobID, in state: JobState, reason: String, at now: Timestamp
    ) -> ActionOutcome {
        switch state {
        case .dead: return .done(state)
        case .scheduled, .ready, .retrying:
            moveToDead(id, at: now)
            release(entries[id]?.message.unique, of: id)
            entries[id]?.run.append(.buried(at: now, reason: reason))
            return .done(.dead)
        default: return .invalidState(state)
        }
    }

    mutating func redrive(_ id: JobID, in state: JobState, at now: Timestamp) -> ActionOutcome {
        guard let message = entries[id]?.message else { return .notFound }
        switch state {
        case .ready: return .done(state)
        case .dead:
            if let lock = message.unique, lock.span == .untilStarted || lock.span == .untilFinished {
                if let holder = holder(of: lock, otherThan: id, at: now) { return .duplicate(of: holder) }
                take(lock, for: id, at: now)
            }
            entries[id]?.run.attempts = 0
            entries[id]?.run.reclaims = 0
        case .scheduled, .retrying: break
        default: return .invalidState(state)
        }
        move(id, to: .ready(priority: message.priority, turn: nextTurn()))
        entries[id]?.run.append(.redriven(at: now))
        wake()
        return .done(.ready)
    }

    /// Forgets a job and the lock that waited for its start or end.
    mutating func remove(_ id: JobID) {
        release(entries[id]?.message.unique, of: id)
        forget(id)
    }
}
