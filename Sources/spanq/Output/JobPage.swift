// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueue
import SpanQueueAdmin
import SpanQueueTelemetry

/// A job's record for a person: one fact a line, then the attempts.
enum JobPage {
    /// - Parameter note: why it waits, if that is known.
    static func print(_ record: JobRecord, note: String? = nil, json: Bool) throws {
        if json {
            try JSONLine.print(JobView(record))
        } else {
            Console.print(render(record, note: note, width: Console.width, hasStyle: Console.hasStyle))
        }
    }

    static func render(_ record: JobRecord, note: String? = nil, width: Int?, hasStyle: Bool) -> String {
        let facts = facts(record, note)
        let title = facts.map(\.name.count).max() ?? 0
        var lines = facts.map { name, value in
            let padding = String(repeating: " ", count: title - name.count)
            return Table.cut("\(name)\(padding)  \(Table.clean(value))", to: width)
        }
        let table = attempts(record)
        if !table.rows.isEmpty { lines += ["", table.render(width: width, hasStyle: hasStyle)] }
        if record.run.droppedEvents > 0 { lines.append("(\(record.run.droppedEvents) earlier ones are not kept)") }
        return lines.joined(separator: "\n")
    }

    private static func text(_ request: CancelRequest) -> String {
        let at = request.at.map { " at \($0)" } ?? ""
        let by = request.by.map { " by \($0)" } ?? ""
        return "asked for\(at)\(by): its worker will hear of it within a heartbeat"
    }

    private static func facts(_ record: JobRecord, _ note: String?) -> [(name: String, value: String)] {
        let message = record.message
        let reason = record.state.isTerminal ? record.run.endReason : nil
        var facts: [(name: String, value: String?)] = [
            ("id", message.id.description),
            ("type", message.type),
            ("queue", message.queue),
            ("state", record.state.rawValue + (reason.map { $0.isEmpty ? "" : " (\($0))" } ?? "")),
            ("note", note),
            ("attempt", "\(record.attempt) of at most \(message.maxAttempts)"),
            ("enqueued", message.enqueuedAt.description),
            ("due", record.dueAt?.description),
            ("run at", record.dueAt == nil ? message.runAt?.description : nil),
            ("deadline", message.deadline?.description),
            ("timeout", message.timeout.map(DurationText.format)),
            ("unique", message.unique.map { "\($0.span.text) (lock \($0.digest.hexadecimal))" }),
            ("kept for", message.retention.text),
            ("worker", record.claim?.worker),
            ("lease until", record.claim?.leaseExpiresAt.description),
            ("cancelling", record.cancelRequest.map(Self.text)),
            ("reclaims", record.run.reclaims == 0 ? nil : "\(record.run.reclaims)"),
            ("priority", message.priority == 0 ? nil : "\(message.priority)"),
            ("tags", message.tags.isEmpty ? nil : message.tags.joined(separator: " ")),
            ("trace", message.trace.traceID.description),
            ("snoozed", record.run.snoozes > 0 ? "\(record.run.snoozes) in a row" : nil),
            ("progress", record.run.progress.map { "\(Int(($0.fraction * 100).rounded()))% \($0.note)" }),
            ("last error", record.run.lastError),
            ("payload", excerpt(message.payload)),
        ]
        facts.append(("result", record.run.result.map(excerpt)))
        return facts.compactMap { name, value in value.map { (name, $0) } }
    }

    private static func excerpt(_ bytes: [UInt8]) -> String {
        let shown = 2000
        guard let text = String(validating: bytes, as: UTF8.self) else { return "\(bytes.count) bytes, not text" }
        return text.count > shown ? text.prefix(shown) + "… (\(bytes.count) bytes; --json has all)" : text
    }

    private static func attempts(_ record: JobRecord) -> Table {
        var table = Table(
            .number("#"), .text("STARTED"), .number("TOOK"), .text("OUTCOME"), .text("WORKER"), .text("ERROR"))
        for attempt in record.run.attemptRecords {
            table.add(
                "\(attempt.number)", attempt.claimedAt.description,
                DurationText.format(max(.zero, attempt.endedAt - attempt.claimedAt)), attempt.outcome.rawValue,
                attempt.worker, attempt.error ?? "")
        }
        if record.state == .active, let claim = record.claim {
            table.add("\(record.attempt)", claim.claimedAt.description, "", "running", claim.worker, "")
        }
        return table
    }
}
