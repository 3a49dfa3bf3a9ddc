// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

/// Something that happened to a job after its enqueue.
package struct HistoryEvent: Sendable, Hashable {
    package enum Content: Sendable, Hashable {
        case attempt(AttemptRecord)
        case redriven(at: Timestamp)
        case buried(at: Timestamp, reason: String)
        case cancelled(at: Timestamp, reason: String)
    }

    package let content: Content
    /// Who asked for it, where that is known; nil for an attempt.
    package let by: String?

    private init(_ content: Content, by: String? = nil) {
        self.content = content
        self.by = by
    }

    /// An attempt ended.
    package static func attempt(_ record: AttemptRecord) -> HistoryEvent { HistoryEvent(.attempt(record)) }
    /// A person put it back from the dead letters.
    package static func redriven(at: Timestamp, by: String? = nil) -> HistoryEvent {
        HistoryEvent(.redriven(at: at), by: by)
    }
    /// A person buried it.
    package static func buried(at: Timestamp, reason: String, by: String? = nil) -> HistoryEvent {
        HistoryEvent(.buried(at: at, reason: reason), by: by)
    }
    /// It was cancelled while it was not running, or before its attempt had ended.
    package static func cancelled(at: Timestamp, reason: String, by: String? = nil) -> HistoryEvent {
        HistoryEvent(.cancelled(at: at, reason: reason), by: by)
    }

    /// `attempt`, `redriven`, `buried` or `cancelled`; a later version may know more words.
    package var kind: String {
        switch content {
        case .attempt: "attempt"
        case .redriven: "redriven"
        case .buried: "buried"
        case .cancelled: "cancelled"
        }
    }

    /// The attempt that ended, if it is that.
    package var attempt: AttemptRecord? {
        if case .attempt(let record) = content { record } else { nil }
    }

    /// When it happened; for an attempt, when it ended. A cancel that was asked for while an attempt ran stands behind that attempt in the
    /// history, and is older than its end.
    package var at: Timestamp {
        switch content {
        case .attempt(let record): record.endedAt
        case .redriven(let at), .buried(let at, _), .cancelled(let at, _): at
        }
    }

    /// Why, for what was buried or cancelled; for an attempt, why the job died of it.
    package var reason: String? {
        switch content {
        case .attempt(let record): record.reason
        case .redriven: nil
        case .buried(_, let reason), .cancelled(_, let reason): reason
        }
    }
}

/// How far a running job says it has come.
package struct JobProgress: Sendable, Hashable {
    /// 0 to 1.
    package var fraction: Double
    /// What it is doing, in a few words.
    package var note: String

    package init(fraction: Double, note: String) {
        self.fraction = fraction
        self.note = note
    }
}

/// What has happened to a job since its enqueue.
package struct RunRecord: Sendable, Hashable {
    /// How many attempts were charged to it: those that completed, failed, or were cancelled.
    package var attempts = 0
    /// How often it was reclaimed from a worker that did not extend its lease.
    package var reclaims = 0
    /// How often its handler has put it off by `JobError.snooze` in a row, of late.
    package var snoozes = 0
    /// The error of the latest attempt that failed.
    package var lastError: String?
    /// The latest progress report.
    package var progress: JobProgress?
    /// What the handler left as its result.
    package var result: [UInt8]?
    /// What happened, oldest first; at most `Limits.historyEvents`, the first and the latest.
    package var history: [HistoryEvent] = []
    /// How many events were dropped from the history.
    package var droppedEvents = 0
    /// Eight bytes that stand for the latest error: errors that are alike have the same.
    package var errorFingerprint: UInt64?
    /// What a later version has stored and this one does not know: kept as it is.
    package var unknownEntries: [UInt8] = []

    /// The record of a job to which nothing has happened.
    package init() {}

    /// The attempts in the history.
    package var attemptRecords: [AttemptRecord] {
        history.compactMap(\.attempt)
    }

    /// The latest attempt that ended.
    var lastAttempt: AttemptRecord? {
        history.last { $0.attempt != nil }?.attempt
    }

    /// Why it is dead or cancelled, by the latest event that says so.
    package var endReason: String? {
        guard let last = history.last else { return nil }
        // A cancel that was asked for without a reason ended an attempt that may know one.
        if case .cancelled(_, "") = last.content, let attempt = history.dropLast().last?.attempt {
            return attempt.reason ?? last.reason
        }
        return last.reason
    }

    /// The moment of the latest event.
    package var changedAt: Timestamp? {
        guard let last = history.last else { return nil }
        // A cancel that was asked for while an attempt ran stands behind that attempt.
        guard case .cancelled = last.content, let before = history.dropLast().last else { return last.at }
        return max(last.at, before.at)
    }

    /// The earliest moment at which the next attempt could be claimed, as far as this record knows.
    package var eligibleAt: Timestamp? {
        guard let changedAt else { return nil }
        guard let delay = history.last?.attempt?.retryDelay else { return changedAt }
        return changedAt + delay
    }

    /// Adds an event. When there are too many it drops the oldest snooze, or else the oldest event, but neither the first nor the latest:
    /// a job that is put off a hundred times keeps what else has happened to it.
    package mutating func append(_ event: HistoryEvent) {
        history.append(event)
        while history.count > Limits.historyEvents {
            let between = history.indices.dropFirst().dropLast()
            history.remove(at: between.first { history[$0].attempt?.outcome == .snoozed } ?? 1)
            droppedEvents += 1
        }
    }
}

/// Why a job became a dead letter.
public struct DeadReason: RawRepresentable, Sendable, Hashable, Codable, CustomStringConvertible {
    /// A word of lower-case letters and underscores.
    public let rawValue: String

    /// Takes a reason by its word.
    public init(rawValue: String) {
        self.rawValue = rawValue
    }

    /// The word.
    public var description: String { rawValue }

    /// It failed as often as it may.
    public static let attemptsExhausted = DeadReason(rawValue: "attempts_exhausted")
    /// Its handler said that trying again does not help.
    public static let permanent = DeadReason(rawValue: "permanent")
    /// Its payload, or its record, can't be read.
    public static let decodeError = DeadReason(rawValue: "decode_error")
    /// No worker that saw it had a handler for its type.
    public static let unknownJobType = DeadReason(rawValue: "unknown_job_type")
    /// Its worker died, or lost the lease, too many times: a poison pill.
    public static let leaseExpired = DeadReason(rawValue: "lease_expired")
    /// Its deadline passed.
    public static let expired = DeadReason(rawValue: "expired")
    /// A person buried it.
    public static let manual = DeadReason(rawValue: "manual")
}
