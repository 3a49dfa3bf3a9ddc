// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

public import SpanQueueTelemetry

/// How an attempt ended.
///
/// A later version may know more: `switch` over the outcomes needs a `default`.
public struct AttemptOutcome: RawRepresentable, Sendable, Hashable, Codable, CustomStringConvertible {
    /// The number under which it is stored.
    package let code: UInt8

    private static let words = ["completed", "retried", "buried", "cancelled", "lost", "released", "snoozed"]

    /// A word of lower-case letters; `unknown` for one that a later version has stored.
    public var rawValue: String { Int(code) < Self.words.count ? Self.words[Int(code)] : "unknown" }

    /// Takes an outcome by its word.
    public init(rawValue: String) {
        code = Self.words.firstIndex(of: rawValue).map { UInt8($0) } ?? .max
    }

    package init(code: UInt8) {
        self.code = code
    }

    /// The word.
    public var description: String { rawValue }

    /// The handler returned.
    public static let completed = AttemptOutcome(code: 0)
    /// The handler failed, and the job is tried again.
    public static let retried = AttemptOutcome(code: 1)
    /// The job became a dead letter.
    public static let buried = AttemptOutcome(code: 2)
    /// The job was cancelled.
    public static let cancelled = AttemptOutcome(code: 3)
    /// The worker did not extend its lease: it died, hung, or was cut off.
    public static let lost = AttemptOutcome(code: 4)
    /// The worker gave the job back unharmed, at a drain; this is not counted as an attempt.
    public static let released = AttemptOutcome(code: 5)
    /// The handler put the job off; this is not counted as an attempt.
    public static let snoozed = AttemptOutcome(code: 6)

    /// The outcomes that this version knows.
    public static let known: [AttemptOutcome] = [
        .completed, .retried, .buried, .cancelled, .lost, .released, .snoozed,
    ]
}

/// One attempt at a job, as its record tells it.
public struct AttemptRecord: Sendable, Hashable {
    /// 1 for the first; an attempt that was lost or released has the number of the one that follows it.
    public var number: Int
    /// The claim under which it ran.
    package var token: FencingToken
    /// The worker that ran it.
    public var worker: String
    /// The earliest moment at which it could have been claimed.
    public var eligibleAt: Timestamp
    /// When it was claimed.
    public var claimedAt: Timestamp
    /// When it was settled, or found lost.
    public var endedAt: Timestamp
    /// How it ended.
    public var outcome: AttemptOutcome
    /// For a retry or a snooze, how long after `endedAt` the next attempt is due.
    public var retryDelay: Duration?
    /// For a job that died of it, why.
    public var reason: String?
    /// A short name of what went wrong, fit for a label.
    public var errorType: String?
    /// What went wrong, in words.
    public var error: String?

    package init(
        number: Int, token: FencingToken, worker: String, eligibleAt: Timestamp, claimedAt: Timestamp,
        endedAt: Timestamp, outcome: AttemptOutcome, retryDelay: Duration? = nil, reason: String? = nil,
        errorType: String? = nil, error: String? = nil
    ) {
        self.number = number
        self.token = token
        self.worker = worker
        self.eligibleAt = eligibleAt
        self.claimedAt = claimedAt
        self.endedAt = endedAt
        self.outcome = outcome
        self.retryDelay = retryDelay
        self.reason = reason
        self.errorType = errorType
        self.error = error
    }

    /// Whether it counts as one of the job's attempts: those that were lost, released or snoozed do not, nor those for which the worker
    /// had no handler or that came after the job's deadline.
    public var isCharged: Bool {
        switch outcome {
        case .lost, .released, .snoozed: false
        default: errorType != "unknown_job_type" && errorType != "expired"
        }
    }

    /// The span of this attempt at a job.
    public func spanID(of job: JobID) -> SpanID { token.spanID(of: job) }
}

extension FencingToken {
    /// The span of the attempt that runs under this token: a function of the claim, so that nobody has to store it. The job's id
    /// is part of it, because the jobs of one claim share a token.
    package func spanID(of job: JobID) -> SpanID {
        .derived(from: job.fingerprint, UInt64(bitPattern: value), UInt64(nonce))
    }
}

extension JobID {
    /// 64 bits of the id by FNV-1a (RFC 9923): the same in every process, unlike Swift's own hash.
    package var fingerprint: UInt64 {
        var text = description
        return text.withUTF8 { bytes in
            var hash: UInt64 = 0xCBF2_9CE4_8422_2325
            for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
            return hash
        }
    }
}
