// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
package import SpanQueue
import SpanQueueTelemetry

/// A job's record. The names are a contract: see docs/compatibility.md.
package struct JobView: Encodable, Sendable {
    package struct Progress: Encodable, Sendable {
        package let fraction: Double
        package let note: String
    }

    package let id: String
    package let type: String
    package let queue: String
    package let state: String
    package let attempt: Int
    package let maxRetries: Int
    package let reclaims: Int
    package let snoozes: Int
    @OrNull package var lastError: String?
    /// Of the last error; sixteen hexadecimal digits.
    @OrNull package var errorFingerprint: String?
    package let traceID: String
    package let traceparent: String
    package let enqueuedAt: String
    @OrNull package var runAt: String?
    /// Nil, and not written, where it is not shown.
    package let payload: OrNull<String>?
    package let payloadBase64: String?
    /// Nil, and not written, where it is not shown.
    package let result: OrNull<String>?
    package let resultBase64: String?
    @OrNull package var progress: Progress?
    package let tags: [String]
    package let priority: Int
    package let attempts: [AttemptView]
    @OrNull package var reason: String?
    @OrNull package var deadline: String?
    @OrNull package var worker: String?
    @OrNull package var leaseExpiresAt: String?
    package let cancelRequested: Bool
    @OrNull package var cancelRequestedAt: String?
    @OrNull package var timeout: String?
    @OrNull package var retention: String?
    @OrNull package var unique: String?
    @OrNull package var uniqueDigest: String?
    package let events: [EventView]

    private enum CodingKeys: String, CodingKey {
        case id, type, queue, state, attempt, reclaims, snoozes, traceparent, payload, result, progress, tags, priority,
            attempts
        case reason, deadline, worker, events, timeout, retention, unique
        case uniqueDigest = "unique_digest"
        case maxRetries = "max_retries"
        case lastError = "last_error"
        case errorFingerprint = "error_fingerprint"
        case traceID = "trace_id"
        case enqueuedAt = "enqueued_at"
        case runAt = "run_at"
        case payloadBase64 = "payload_base64"
        case resultBase64 = "result_base64"
        case leaseExpiresAt = "lease_expires_at"
        case cancelRequested = "cancel_requested"
        case cancelRequestedAt = "cancel_requested_at"
    }

    /// What of a job is shown.
    package struct Shown: Sendable {
        /// Payload and result.
        var hasContent = true
        /// The digest of what must be unique, which may be the payload: whoever may not see that could compare it with those of guesses.
        var hasDigest = true
        /// What is masked later, in the text of the answer.
        var redaction = Redaction()

        /// All of it.
        package static let all = Shown()
        /// All but what it carries and returns.
        package static let facts = Shown(hasContent: false)

        /// What somebody may see who asks for a job and not for what it carries.
        package init(to principal: Principal, _ redaction: Redaction) {
            hasContent = false
            hasDigest = principal.scopes.contains(.payload) && redaction.isEmpty
            self.redaction = redaction
        }

        private init(hasContent: Bool = true) {
            self.hasContent = hasContent
        }
    }

    package init(_ record: JobRecord, _ shown: Shown = .all) {
        let message = record.message
        let hasContent = shown.hasContent
        let payload = BytesText(hasContent ? message.payload : nil)
        let result = BytesText(hasContent ? record.run.result : nil)
        self.id = message.id.description
        self.type = message.type
        self.queue = message.queue
        self.state = record.state.rawValue
        self.attempt = record.attempt
        self.maxRetries = message.maxRetries
        self.reclaims = record.run.reclaims
        self.snoozes = record.snoozes
        self.lastError = record.run.lastError
        self.errorFingerprint = shown.redaction.fingerprint(of: record).map(ErrorFingerprint.text)
        self.traceID = message.trace.traceID.description
        self.traceparent = message.trace.traceParent
        self.enqueuedAt = message.enqueuedAt.description
        self.runAt = (record.dueAt ?? message.runAt)?.description
        self.payload = hasContent ? OrNull(wrappedValue: payload.text) : nil
        self.payloadBase64 = payload.base64
        self.result = hasContent ? OrNull(wrappedValue: result.text) : nil
        self.resultBase64 = result.base64
        self.progress = record.run.progress.map { Progress(fraction: $0.fraction, note: $0.note) }
        self.tags = message.tags
        self.priority = message.priority
        self.attempts = AttemptView.all(of: record)
        self.reason = record.state.isTerminal ? record.run.endReason : nil
        self.deadline = message.deadline?.description
        self.worker = record.claim?.worker
        self.leaseExpiresAt = record.claim?.leaseExpiresAt.description
        self.cancelRequested = record.cancelRequested
        self.cancelRequestedAt = record.cancelRequest?.at?.description
        self.timeout = message.timeout.map(DurationText.format)
        self.retention = message.retention.text
        self.unique = message.unique?.span.text
        self.uniqueDigest = shown.hasDigest ? message.unique?.digest.hexadecimal : nil
        self.events = record.run.history.compactMap(EventView.init)
    }
}

/// What a job carries, as text where that is UTF-8, else in base64.
package struct PayloadView: Encodable, Sendable {
    package let id: String
    @OrNull package var payload: String?
    package let payloadBase64: String?

    private enum CodingKeys: String, CodingKey {
        case id, payload
        case payloadBase64 = "payload_base64"
    }

    package init(_ record: JobRecord) {
        let bytes = BytesText(record.message.payload)
        id = record.message.id.description
        _payload = OrNull(wrappedValue: bytes.text)
        payloadBase64 = bytes.base64
    }
}

/// What a job left, null while there is nothing.
package struct ResultView: Encodable, Sendable {
    package let id: String
    @OrNull package var result: String?
    package let resultBase64: String?

    private enum CodingKeys: String, CodingKey {
        case id, result
        case resultBase64 = "result_base64"
    }

    package init(_ record: JobRecord) {
        let bytes = BytesText(record.run.result)
        id = record.message.id.description
        _result = OrNull(wrappedValue: bytes.text)
        resultBase64 = bytes.base64
    }
}

/// A page of jobs, without what they carry.
package struct JobsView: Encodable, Sendable {
    package let jobs: [JobView]
    /// What to pass for the next page; null at the end.
    @OrNull package var cursor: String?
    /// How many jobs were looked at for this page.
    package let scanned: Int
    /// Whether nothing is left to look at.
    package let complete: Bool

    package init(_ jobs: [JobRecord], cursor: String?, scanned: Int, _ shown: JobView.Shown) {
        self.jobs = jobs.map { JobView($0, shown) }
        self.scanned = scanned
        complete = cursor == nil
        _cursor = OrNull(wrappedValue: cursor)
    }
}

/// One attempt at a job; the one that runs now has no end and no outcome.
package struct AttemptView: Encodable, Sendable {
    package let number: Int
    package let startedAt: String
    @OrNull package var endedAt: String?
    @OrNull package var outcome: String?
    package let worker: String
    @OrNull package var error: String?
    @OrNull package var errorType: String?
    package let spanID: String
    package let token: String

    private enum CodingKeys: String, CodingKey {
        case number, outcome, worker, error, token
        case startedAt = "started_at"
        case endedAt = "ended_at"
        case errorType = "error_type"
        case spanID = "span_id"
    }

    static func all(of record: JobRecord) -> [AttemptView] {
        let ended = record.run.attemptRecords.map { AttemptView($0, in: record) }
        guard record.state == .active, let claim = record.claim else { return ended }
        return ended + [AttemptView(claim, in: record)]
    }

    private init(_ attempt: AttemptRecord, in record: JobRecord) {
        number = attempt.number
        startedAt = attempt.claimedAt.description
        endedAt = attempt.endedAt.description
        outcome = attempt.outcome.rawValue
        worker = attempt.worker
        error = attempt.error
        errorType = attempt.errorType
        spanID = attempt.spanID(of: record.message.id).description
        token = attempt.token.description
    }

    private init(_ claim: ActiveClaim, in record: JobRecord) {
        number = record.attempt
        startedAt = claim.claimedAt.description
        worker = claim.worker
        spanID = claim.token.spanID(of: record.message.id).description
        token = claim.token.description
    }
}

/// What a person did to a job.
package struct EventView: Encodable, Sendable {
    package let at: String
    package let event: String
    @OrNull package var reason: String?
    @OrNull package var by: String?

    /// Nil for an attempt, which is shown among the attempts.
    init?(_ event: HistoryEvent) {
        guard event.attempt == nil else { return nil }
        at = event.at.description
        self.event = event.kind
        reason = event.reason
        by = event.by
    }
}

/// Opaque bytes in JSON: text where they are UTF-8, else base64 under another name.
private struct BytesText {
    let text: String?
    let base64: String?

    init(_ bytes: [UInt8]?) {
        text = bytes.flatMap { String(validating: $0, as: UTF8.self) }
        base64 = text == nil ? bytes.map { Data($0).base64EncodedString() } : nil
    }
}

extension UniqueSpan {
    /// As `--unique` takes it.
    package var text: String {
        switch kind {
        case .untilStarted: "until-started"
        case .untilFinished: "until-finished"
        case .duration(let duration): DurationText.format(duration)
        }
    }
}

extension Retention {
    /// As `--retention` takes it; nil for what the engine's settings say.
    package var text: String? {
        switch kind {
        case .standard: nil
        case .none: "none"
        case .duration(let duration): DurationText.format(duration)
        }
    }
}
