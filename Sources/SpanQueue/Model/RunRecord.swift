/// Something that happened to a job after its enqueue.
public enum HistoryEvent: Sendable, Hashable {
    /// An attempt ended.
    case attempt(AttemptRecord)
    /// A person put it back from the dead letters.
    case redriven(at: Timestamp)
    /// A person buried it.
    case buried(at: Timestamp, reason: String)
    /// It was called off while it was waiting.
    case cancelled(at: Timestamp, reason: String)
}

/// How far a running job says it has come.
public struct JobProgress: Sendable, Hashable {
    /// 0 to 1.
    public var fraction: Double
    /// What it is doing, in a few words.
    public var note: String

    package init(fraction: Double, note: String) {
        self.fraction = fraction
        self.note = note
    }
}

/// What has happened to a job since its enqueue.
public struct RunRecord: Sendable, Hashable {
    /// How many attempts were charged to it: those that completed, failed, or were cancelled.
    public var attempts = 0
    /// How often it was taken back from a worker that did not extend its lease.
    public var reclaims = 0
    /// The error of the latest attempt that failed.
    public var lastError: String?
    /// The latest progress report.
    public var progress: JobProgress?
    /// What the handler left as its result.
    public var result: [UInt8]?
    /// What happened, oldest first; at most `Limits.historyEvents`, the first and the latest.
    public var history: [HistoryEvent] = []
    /// How many events were dropped from the history.
    public var droppedEvents = 0

    /// The record of a job to which nothing has happened.
    public init() {}

    /// The attempts in the history.
    public var attemptRecords: [AttemptRecord] {
        history.compactMap { event in
            if case .attempt(let record) = event { record } else { nil }
        }
    }

    /// The latest attempt in the history.
    var lastAttempt: AttemptRecord? {
        for event in history.reversed() {
            if case .attempt(let record) = event { return record }
        }
        return nil
    }

    /// Why it is dead or cancelled, by the latest event that says so.
    public var endReason: String? {
        switch history.last {
        case .buried(_, let reason), .cancelled(_, let reason): reason
        case .attempt(let record): record.reason
        case .redriven, nil: nil
        }
    }

    /// The moment of the latest event.
    public var changedAt: Timestamp? {
        switch history.last {
        case .attempt(let record): record.endedAt
        case .redriven(let at), .buried(let at, _), .cancelled(let at, _): at
        case nil: nil
        }
    }

    /// The earliest moment at which the next attempt could be claimed, as far as this record knows.
    public var eligibleAt: Timestamp? {
        guard let changedAt else { return nil }
        guard case .attempt(let record) = history.last, let delay = record.retryDelay else { return changedAt }
        return changedAt + delay
    }

    /// Adds an event, and drops the second-oldest when there are too many.
    package mutating func append(_ event: HistoryEvent) {
        history.append(event)
        while history.count > Limits.historyEvents {
            history.remove(at: 1)
            droppedEvents += 1
        }
    }
}
