// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import SpanQueue
import SpanQueueProto
import SpanQueueTelemetry
import SwiftProtobuf

// Written once more, and not taken from the gateway: what it writes wrongly it may read wrongly as well.

extension Google_Protobuf_Duration {
    init(_ duration: Duration) {
        self.init()
        let (seconds, attoseconds) = duration.components
        self.seconds = seconds
        nanos = Int32(attoseconds / 1_000_000_000)
    }

    var length: Duration { .seconds(seconds) + .nanoseconds(Int64(nanos)) }
}

extension Google_Protobuf_Timestamp {
    init(_ moment: Timestamp) {
        self.init()
        let rest = (moment.milliseconds % 1000 + 1000) % 1000
        seconds = (moment.milliseconds - rest) / 1000
        nanos = Int32(rest) * 1_000_000
    }

    var moment: Timestamp { Timestamp(milliseconds: seconds * 1000 + Int64(nanos) / 1_000_000) }
}

extension Wire.JobState {
    var state: JobState {
        switch self {
        case .scheduled: .scheduled
        case .held: .held
        case .ready: .ready
        case .active: .active
        case .retrying: .retrying
        case .completed: .completed
        case .dead: .dead
        case .cancelled: .cancelled
        case .unspecified, .UNRECOGNIZED: .unknown
        }
    }
}

extension Wire.JobRecord {
    /// Whether it says of a job what its record does.
    func tells(_ record: JobRecord) -> Bool {
        let (message, run) = (record.message, record.run)
        guard id == message.id.description, queue == message.queue, type == message.type,
            payload == Data(message.payload), priority == UInt32(message.priority), tags == message.tags,
            traceID == message.trace.traceID.description
        else { return false }
        guard maxAttempts == UInt32(message.maxRetries + 1), enqueuedAt.moment == message.enqueuedAt,
            (hasDeadline ? deadline.moment : nil) == message.deadline,
            (hasTimeout ? timeout.length : nil) == message.timeout
        else { return false }
        guard state.state == record.state, attempt == UInt32(record.attempt), reclaims == UInt32(run.reclaims),
            (hasDueAt ? dueAt.moment : nil) == record.dueAt, cancelRequested == (record.cancelRequest != nil)
        else { return false }
        guard worker == record.claim?.worker ?? "",
            (hasLeaseUntil ? leaseUntil.moment : nil) == record.claim?.leaseExpiresAt
        else { return false }
        return lastError == run.lastError ?? "" && endReason == run.endReason ?? ""
            && (hasProgress ? progress : nil) == run.progress?.fraction && progressNote == run.progress?.note ?? ""
            && (hasResult ? result : nil) == run.result.map { Data($0) }
    }
}

extension Spanqueue_V1_JobView {
    /// Whether it says of a job what its record does.
    func tells(_ record: JobRecord) -> Bool {
        let (message, run) = (record.message, record.run)
        guard id == message.id.description, queue == message.queue, type == message.type, tags == message.tags,
            priority == Int64(message.priority), traceID == message.trace.traceID.description,
            enqueuedAt.moment == message.enqueuedAt, maxRetries == Int64(message.maxRetries)
        else { return false }
        guard state == record.state.rawValue, attempt == Int64(record.attempt), reclaims == Int64(run.reclaims),
            snoozes == Int64(run.snoozes), cancelRequested == (record.cancelRequest != nil)
        else { return false }
        return (hasLastError ? lastError : nil) == run.lastError
            && (hasWorker ? worker : nil) == record.claim?.worker
            && (hasLeaseExpiresAt ? leaseExpiresAt.moment : nil) == record.claim?.leaseExpiresAt
            && attempts.filter { $0.hasOutcome }.map(\.outcome) == run.attemptRecords.map(\.outcome.rawValue)
    }
}

extension QueueCounts {
    init(_ view: Spanqueue_V1_QueueView) {
        var totals = QueueTotals()
        totals.enqueued = Int(view.totals.enqueued)
        totals.completed = Int(view.totals.completed)
        totals.dead = Int(view.totals.dead)
        totals.cancelled = Int(view.totals.cancelled)
        totals.removed = Int(view.totals.removed)
        let jobs: [JobState: Int64] = [
            .scheduled: view.scheduled, .held: view.held, .ready: view.ready, .active: view.active,
            .retrying: view.retrying, .completed: view.completed, .dead: view.dead, .cancelled: view.cancelled,
        ]
        let note = OperatorNote(reason: view.pause.reason, by: view.pause.hasBy ? view.pause.by : nil)
        self.init(
            queue: view.name, jobs: jobs.mapValues { Int($0) }, isPaused: view.paused,
            pause: view.hasPause ? PauseNote(at: view.pause.at.moment, note: note) : nil,
            oldestReadyAge: view.hasOldestReadyAgeSeconds
                ? .milliseconds(Int64((view.oldestReadyAgeSeconds * 1000).rounded())) : nil,
            totals: totals)
    }
}
