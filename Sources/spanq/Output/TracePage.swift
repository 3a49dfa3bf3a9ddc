// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueue
import SpanQueueTelemetry

/// A job's life for a person: what it is, and one line for each thing that happened, with a bar where it lay in time.
struct TracePage {
    let trace: JobTrace
    let width: Int
    let marks: TraceMarks
    let hasStyle: Bool
    /// Why the job waits, if that is known.
    let note: String?
    let link: String?

    private let nameColumns: Int
    private let offsetColumns: Int
    private let durationColumns: Int
    private let outcomeColumns: Int
    /// Names of workers stand beside the bars only where these keep so many columns.
    private static let roomyColumns = 36

    init(
        _ trace: JobTrace, width: Int, marks: TraceMarks, hasStyle: Bool, note: String? = nil, link: String?
    ) {
        self.trace = trace
        self.width = width
        self.marks = marks
        self.hasStyle = hasStyle
        self.note = note
        self.link = link
        let rows = trace.steps.filter { $0.stage != .omission }
        func widest(_ title: String, _ cell: (JobTrace.Step) -> String) -> Int {
            max(title.count, rows.map { cell($0).count }.max() ?? 0)
        }
        nameColumns = widest("WHAT", Self.name)
        offsetColumns = widest("AT") { Self.offset($0, in: trace) }
        durationColumns = widest("TOOK", Self.duration)
        outcomeColumns = widest("OUTCOME") { Self.outcome($0, in: trace) }
    }

    func render() -> String {
        let workers = workers
        let longest = workers.map(\.count).max() ?? 0
        let areNamed = columns(beside: longest) >= Self.roomyColumns
        let labels = workers.indices.map { areNamed ? workers[$0] : "w\($0 + 1)" }
        let labelOf = Dictionary(uniqueKeysWithValues: zip(workers, labels))
        let workerColumns = max(workers.isEmpty ? 0 : 6, labels.map(\.count).max() ?? 0)
        let axis = TraceAxis(trace.steps, columns: max(8, columns(beside: workerColumns)))
        let bar = TraceBar(axis: axis, marks: marks)
        var lines = facts()
        lines.append("")
        let title = row(
            "WHAT", "AT", "TOOK", bar.scale(total: trace.drawn), "OUTCOME", workers.isEmpty ? "" : "WORKER")
        lines.append(hasStyle ? "\u{1B}[1m\(title)\u{1B}[0m" : title)
        for step in trace.steps { lines += stepLines(step, bar, step.worker.flatMap { labelOf[$0] } ?? "") }
        let notes = notes(axis, areNamed ? [] : Array(zip(labels, workers)))
        if !notes.isEmpty { lines += [""] + notes }
        return lines.joined(separator: "\n")
    }

    // MARK: Head

    private func facts() -> [String] {
        let record = trace.record
        let message = record.message
        let reason = record.state.isTerminal ? record.run.endReason.flatMap { $0.isEmpty ? nil : " (\($0))" } : nil
        let total = ElapsedText.format(trace.total) + (record.state.isTerminal ? "" : " so far")
        var facts: [(name: String, value: String)] = [
            ("job", message.id.description), ("type", "\(message.type) in queue \(message.queue)"),
            ("state", record.state.rawValue + (reason ?? "")),
            ("total", "\(total), from \(message.enqueuedAt.description)"),
            ("trace", message.trace.traceID.description),
        ]
        if let parent = message.parentSpanID {
            facts.append(("parent", "span \(parent), which made the enqueue: your tracing backend has it"))
        }
        if let note { facts.insert(("note", note), at: 3) }
        var lines = facts.map { marks.cut(marks.fit("\(pad($0.name, 7))\(Table.clean($0.value))"), to: width) }
        for (index, line) in packed(spanNames()).enumerated() { lines.append(pad(index == 0 ? "spans" : "", 7) + line) }
        // Uncut, so that it can be opened.
        if let link { lines.append(pad("link", 7) + marks.fit(Table.clean(link))) }
        return lines
    }

    private func spanNames() -> [String] {
        let traceID = trace.record.message.trace.traceID
        return trace.steps.flatMap { step -> [String] in
            guard let context = step.span?.context, step.stage == .enqueue || step.stage == .attempt else { return [] }
            let own = context.traceID == traceID ? [] : ["in trace \(context.traceID)"]
            // Lost attempts and those before a redrive share their numbers with others.
            let outcome = step.outcome.map { " (\($0))" } ?? ""
            return ["\(Self.name(step))\(outcome) \(context.spanID)"] + own
        }
    }

    /// As many as fit on each line.
    private func packed(_ items: [String]) -> [String] {
        var lines: [String] = []
        for item in items {
            if let last = lines.last, last.count + 2 + item.count <= width - 7 {
                lines[lines.count - 1] = "\(last)  \(item)"
            } else {
                lines.append(item)
            }
        }
        return lines
    }

    // MARK: Rows

    private func stepLines(_ step: JobTrace.Step, _ bar: TraceBar, _ worker: String) -> [String] {
        let indent = String(repeating: " ", count: 2)
        if step.stage == .omission {
            return [marks.fit("\(indent)(\(step.detail ?? ""))")]
        }
        var lines = [
            row(
                Self.name(step), Self.offset(step, in: trace), Self.duration(step), bar.draw(step),
                Self.outcome(step, in: trace), marks.fit(Table.clean(worker)), color: color(step))
        ]
        if let detail = step.detail, !detail.isEmpty {
            let line = marks.cut(marks.fit("\(indent)\(marks.branch)\(Table.clean(detail))"), to: width)
            lines.append(hasStyle && color(step) == 31 ? "\u{1B}[31m\(line)\u{1B}[0m" : line)
        }
        return lines
    }

    private func row(
        _ name: String, _ at: String, _ took: String, _ bar: String, _ outcome: String, _ worker: String,
        color: Int? = nil
    ) -> String {
        let bar = hasStyle ? color.map { "\u{1B}[\($0)m\(bar)\u{1B}[0m" } ?? bar : bar
        let line =
            "\(pad(name, nameColumns))  \(padLeft(at, offsetColumns))  \(padLeft(took, durationColumns))  "
            + "\(bar)  \(pad(outcome, outcomeColumns))  \(worker)"
        return String(line.reversed().drop { $0 == " " }.reversed())
    }

    private static func name(_ step: JobTrace.Step) -> String {
        step.number.map { "\(step.name) \($0)" } ?? step.name
    }

    private static func offset(_ step: JobTrace.Step, in trace: JobTrace) -> String {
        let offset = step.start - trace.record.message.enqueuedAt
        return offset > .zero ? "+" + ElapsedText.format(offset) : "0"
    }

    /// With a plus for what goes on.
    private static func duration(_ step: JobTrace.Step) -> String {
        guard step.duration > .zero || step.stage == .attempt else { return "" }
        return ElapsedText.format(step.duration) + (step.isOpen ? "+" : "")
    }

    private static func outcome(_ step: JobTrace.Step, in trace: JobTrace) -> String {
        guard step.stage == .delay, let due = step.dueAt else { return step.outcome ?? "" }
        guard step.isOpen else { return "" }
        // The largest unit will do: bars need the columns more.
        let left = AgeText.format(due - trace.now).prefixMatch(of: /\d+[a-z]+/)?.output ?? ""
        return "due in \(left)"
    }

    /// Of the terminal's own eight, which its user can read.
    private func color(_ step: JobTrace.Step) -> Int? {
        switch step.stage {
        case .wait, .delay: 2
        case .attempt:
            switch step.outcome {
            case "completed": 32
            case "retried", "buried", "lost": 31
            case "released", "snoozed", "cancelled": 33
            default: 36
            }
        case .enqueue, .settlement, .action, .omission: nil
        }
    }

    // MARK: Foot

    private func notes(_ axis: TraceAxis, _ workers: [(label: String, name: String)]) -> [String] {
        var notes: [String] = []
        if !axis.cuts.isEmpty {
            let lengths = axis.cuts.map { ElapsedText.format(.milliseconds($0.milliseconds)) }.joined(separator: ", ")
            notes.append("\(marks.cut) left out: \(lengths) in which nothing ran")
        }
        notes += workers.map { "\($0.label) \(Table.clean($0.name))" }
        return notes.map { marks.cut(marks.fit($0), to: width) }
    }

    // MARK: Columns

    /// Each worker that had the job, in order.
    private var workers: [String] {
        var seen: [String] = []
        for worker in trace.steps.compactMap(\.worker) where !seen.contains(worker) { seen.append(worker) }
        return seen
    }

    private func columns(beside workerColumns: Int) -> Int {
        let fixed = nameColumns + 2 + offsetColumns + 2 + durationColumns + 2 + 2 + outcomeColumns
        return width - fixed - (workerColumns == 0 ? 0 : workerColumns + 2)
    }

    private func pad(_ text: String, _ columns: Int) -> String {
        text + String(repeating: " ", count: max(0, columns - text.count))
    }

    private func padLeft(_ text: String, _ columns: Int) -> String {
        String(repeating: " ", count: max(0, columns - text.count)) + text
    }
}

extension JobTrace {
    /// The time that the axis shows.
    fileprivate var drawn: Duration {
        let moments = steps.flatMap { [$0.start, $0.end] }
        guard let first = moments.min(), let last = moments.max() else { return .zero }
        return last - first
    }
}
