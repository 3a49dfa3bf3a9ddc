// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueue
import SpanQueueAdmin

/// A piece of a line.
struct TopSpan: Sendable, Hashable {
    enum Style: Sendable, Hashable {
        case plain, bold, dim, chosen, well, warn, bad, now
    }

    var text: String
    var style = Style.plain
}

/// A line of the screen.
struct TopLine: Sendable, Hashable {
    var spans: [TopSpan] = []

    init(_ spans: TopSpan...) { self.spans = spans }
    init(_ text: String, _ style: TopSpan.Style = .plain) { spans = [TopSpan(text: text, style: style)] }

    mutating func add(_ text: String, _ style: TopSpan.Style = .plain) {
        spans.append(TopSpan(text: text, style: style))
    }

    var text: String { spans.map(\.text).joined() }

    /// For a terminal that shows nothing else.
    var ascii: TopLine {
        var line = self
        for index in line.spans.indices {
            line.spans[index].text = String(line.spans[index].text.map { $0.isASCII ? $0 : "?" })
        }
        return line
    }

    /// Cut to so many columns of a terminal.
    func cut(to columns: Int) -> TopLine {
        var line = TopLine()
        var left = columns
        for span in spans where left > 0 {
            let text = TextWidth.prefix(span.text, columns: left)
            left -= TextWidth.columns(text)
            if !text.isEmpty { line.add(text, span.style) }
            if text.unicodeScalars.count < span.text.unicodeScalars.count { break }
        }
        return line
    }
}

/// How many columns of a terminal a text takes.
enum TextWidth {
    static func columns(_ text: String) -> Int { text.unicodeScalars.reduce(0) { $0 + columns($1) } }

    static func prefix(_ text: String, columns limit: Int) -> String {
        var left = limit
        let scalars = text.unicodeScalars.prefix { scalar in
            left -= columns(scalar)
            return left >= 0
        }
        return String(String.UnicodeScalarView(scalars))
    }

    /// Letters of East Asia and most pictures take two, marks on a letter none.
    private static func columns(_ scalar: Unicode.Scalar) -> Int {
        switch scalar.properties.generalCategory {
        case .nonspacingMark, .enclosingMark, .format: return 0
        default: break
        }
        switch scalar.value {
        case 0x1100...0x115F, 0x2E80...0x303E, 0x3041...0xA4CF, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F,
            0xFF00...0xFF60, 0xFFE0...0xFFE6, 0x1F300...0x1F64F, 0x1F680...0x1F6FF, 0x1F900...0x1F9FF,
            0x20000...0x3FFFD:
            return 2
        default: return 1
        }
    }
}

/// The signs that a terminal shows.
struct TopMarks: Sendable {
    let chosen, marked, live, cut: String
    private let bars: [String]

    var isASCII: Bool { chosen == ">" }

    static let unicode = TopMarks(chosen: "▸", marked: "•", live: "●", cut: "…", bars: "▁▂▃▄▅▆▇█".map(String.init))
    static let ascii = TopMarks(chosen: ">", marked: "*", live: "o", cut: "~", bars: "_.-:=+#@".map(String.init))

    /// The last values, from zero to the highest.
    func spark(_ values: [Int], columns: Int) -> String {
        let shown = values.suffix(columns)
        guard shown.count > 1, let most = shown.max() else { return "" }
        return shown.map { bars[most == 0 ? 0 : $0 * (bars.count - 1) / most] }.joined()
    }
}

/// Draws the model: so many lines, none of which is longer than the screen is wide.
struct TopScreen: Sendable {
    let columns: Int
    let rows: Int
    var marks = TopMarks.unicode

    /// How many rows of the list fit between the head and the foot.
    var listRows: Int { max(1, rows - 5) }

    func draw(_ model: TopModel) -> [TopLine] {
        var lines = [first(model), second(model), tabs(model)]
        switch model.mode {
        case .page(let title, let page, let from):
            lines.append(TopLine(title, .bold))
            lines += page.dropFirst(from).prefix(listRows).map { TopLine($0) }
        case .help:
            lines.append(TopLine("Keys", .bold))
            lines += Self.help.prefix(listRows).map { TopLine($0) }
        default: lines += list(model)
        }
        lines += [TopLine](repeating: TopLine(), count: max(0, rows - 1 - lines.count))
        lines = Array(lines.prefix(max(0, rows - 1)))
        lines.append(foot(model))
        return lines.suffix(rows).map { line in (marks.isASCII ? line.ascii : line).cut(to: columns) }
    }

    // MARK: Head

    private func first(_ model: TopModel) -> TopLine {
        var line = TopLine("SpanQueue ", .bold)
        guard let data = model.data else {
            line.add(Table.clean(model.address), .dim)
            line.add("  " + (model.problem.map(Table.clean) ?? "asking"), model.problem == nil ? .dim : .bad)
            return line
        }
        let state =
            model.problem.map { TopSpan(text: "not up to date: \(Table.clean($0))", style: .bad) }
            ?? (model.isFrozen
                ? TopSpan(text: "frozen", style: .warn) : TopSpan(text: "\(marks.live) live", style: .well))
        var parts = [
            clock(data.at, isUTC: model.isUTC),
            "workers \(number(data.workers.count)) (\(data.busy)/\(data.slots) busy)",
            "done \(rate(model.total.completing))/s",
        ]
        if let dying = model.total.dying, let done = model.total.completing, dying + done > 0 {
            parts.append("fail \(tenth(dying / (dying + done) * 100))%")
        }
        if abs(data.skew.milliseconds) >= 1000 { parts.insert("skew \(data.skew.milliseconds) ms", at: 1) }
        // The address gives way first.
        let fixed = parts.joined(separator: "  ")
        let room = columns - TextWidth.columns(fixed + state.text) - 14
        if room >= 8 { line.add(TextWidth.prefix(Table.clean(model.address), columns: room) + "  ", .dim) }
        line.add(fixed + "  ")
        line.spans.append(state)
        return line
    }

    private func second(_ model: TopModel) -> TopLine {
        guard let data = model.data else { return TopLine() }
        var line = TopLine("ready ", .dim)
        let spark = columns >= 70 ? marks.spark(model.total.ready, columns: 12) : ""
        if !spark.isEmpty { line.add(spark + " ", .now) }
        line.add(number(data.sum(.ready)), .bold)
        if let oldest = data.oldest { line.add("  oldest \(ElapsedText.format(oldest))") }
        for state in [JobState.scheduled, .retrying, .active, .dead] {
            let count = data.sum(state)
            line.add("  \(state) ", .dim)
            line.add(number(count), state == .dead && count > 0 ? .bad : .plain)
        }
        return line
    }

    private func tabs(_ model: TopModel) -> TopLine {
        var line = TopLine()
        for view in TopModel.View.allCases {
            let label = "\(view.rawValue) \(view.title)"
            line.add(view == model.view ? "[\(label)]" : " \(label) ", view == model.view ? .bold : .dim)
        }
        if !model.filter.isEmpty { line.add("  / \(Table.clean(model.filter))", .now) }
        if !model.marked.isEmpty { line.add("  \(model.marked.count) selected", .now) }
        return line
    }

    private func foot(_ model: TopModel) -> TopLine {
        switch model.mode {
        case .filter(let text):
            return TopLine(TopSpan(text: "/ ", style: .bold), TopSpan(text: Table.clean(text) + "_"))
        case .jump(let text):
            return TopLine(TopSpan(text: "id: ", style: .bold), TopSpan(text: Table.clean(text) + "_"))
        case .confirm(let deed): return TopLine("\(deed.words)? y does it, any other key leaves it", .warn)
        case .page:
            return TopLine(
                "Esc back  j k move  e explain  t trace  y copy the id" + (model.isReadOnly ? "" : "  R C X"), .dim)
        case .help: return TopLine("any key goes back", .dim)
        case .list: break
        }
        if let message = model.message { return TopLine(Table.clean(message), .warn) }
        let deeds: String
        switch model.view {
        case .queues: deeds = model.isReadOnly ? "" : "P pause  "
        case .jobs: deeds = model.isReadOnly ? "" : "R redrive  C cancel  X remove  "
        case .workers, .errors, .types, .feed: deeds = ""
        }
        let looks =
            switch model.view {
            case .queues: "/ filter  s sort  e explain  "
            case .jobs: "/ filter  e explain  t trace  "
            case .errors, .types: "/ filter  "
            case .workers, .feed: ""
            }
        return TopLine("Enter open  \(looks)\(deeds)? help  q quit  z freeze", .dim)
    }

    static let help = [
        "1-6 Tab     another list            j k         down, up",
        "h l         a page back, on         g G         to the first, the last",
        "Enter       open                    Esc         back",
        "/           filter: a name; for jobs state:dead queue:mail type:a:* tag:x",
        ":           go to a job by its id   s           sort the queues",
        "e t         explain; draw its life  y           copy the id",
        "Space A     select one, all         z           freeze",
        "+ -         faster, slower          u           UTC or local time",
        "R C X P     redrive, cancel, remove, pause or resume: each asks",
        "q Ctrl-C    quit                    Ctrl-Z      to the shell",
    ]

    // MARK: Lists

    private struct Column {
        let title: String
        let width: Int
        var isNumber = true
    }

    private func list(_ model: TopModel) -> [TopLine] {
        switch model.view {
        case .queues: queues(model)
        case .jobs: jobs(model)
        case .workers: workers(model)
        case .errors: errors(model)
        case .types: types(model)
        case .feed: feed(model)
        }
    }

    /// The head of a list and its rows; what does not fit is left out from the right.
    private func table(
        _ model: TopModel, _ columns: [Column], empty: String,
        cells: (Int) -> (cells: [String], style: TopSpan.Style, isMarked: Bool)
    ) -> [TopLine] {
        var room = self.columns - 2
        let shown = columns.prefix { column in
            room -= column.width + 1
            return room >= -1
        }
        func text(_ cells: [String]) -> String {
            zip(shown, cells).map { column, cell in
                let clean = Table.clean(cell)
                let fits = TextWidth.columns(clean) <= column.width
                let cut = fits ? clean : TextWidth.prefix(clean, columns: column.width - 1) + marks.cut
                let padding = String(repeating: " ", count: max(0, column.width - TextWidth.columns(cut)))
                return column.isNumber ? padding + cut : cut + padding
            }.joined(separator: " ")
        }
        var lines = [TopLine("  " + text(shown.map(\.title)), .dim)]
        guard model.count > 0 else { return lines + [TopLine("  \(empty)", .dim)] }
        for index in model.first..<min(model.count, model.first + listRows) {
            let row = cells(index)
            let isChosen = index == model.place
            let sign = isChosen ? marks.chosen : row.isMarked ? marks.marked : " "
            lines.append(TopLine("\(sign) \(text(row.cells))", isChosen ? .chosen : row.style))
        }
        return lines
    }

    private func queues(_ model: TopModel) -> [TopLine] {
        let spark = max(0, columns - 90)
        let queues = model.queues
        let head = [
            Column(title: "QUEUE", width: columns < 60 ? 14 : 20, isNumber: false), Column(title: "READY", width: 9),
            Column(title: "AGE", width: 6), Column(title: "IN/s", width: 7), Column(title: "OUT/s", width: 7),
            Column(title: "DRAIN", width: 7), Column(title: "ACTIVE", width: 6), Column(title: "DEAD", width: 6),
            Column(title: "WORKERS", width: 7),
            Column(title: spark > 4 ? "READY, LATELY" : "", width: spark, isNumber: false),
        ]
        return table(model, head, empty: model.data == nil ? "asking" : "no queues: one begins with its first job") {
            index in
            let queue = queues[index]
            let history = model.histories[queue.queue] ?? TopHistory()
            let servants = model.data?.servants(of: queue.queue) ?? 0
            let isStranded = servants == 0 && queue[.ready] > 0 && !queue.isPaused
            return (
                [
                    queue.queue + (queue.isPaused ? " (paused)" : ""), number(queue[.ready]),
                    queue.oldestReadyAge.map(ElapsedText.format) ?? "-", rate(history.arriving), rate(history.leaving),
                    queue[.ready] == 0 ? "-" : history.drain(queue[.ready]).map(AgeText.format) ?? "?",
                    number(queue[.active]), number(queue[.dead]), "\(servants)",
                    marks.spark(history.ready, columns: spark),
                ], isStranded || queue[.dead] > 0 ? .bad : queue.isPaused ? .warn : .plain, false
            )
        }
    }

    private func jobs(_ model: TopModel) -> [TopLine] {
        let head = [
            Column(title: "STATE", width: 9, isNumber: false),
            Column(title: "TYPE", width: columns < 80 ? 14 : 24, isNumber: false),
            Column(title: "ID", width: columns < 100 ? 18 : 36, isNumber: false), Column(title: "TRY", width: 3),
            Column(title: "QUEUE", width: 12, isNumber: false),
            Column(title: "ERROR", width: max(10, columns - 100), isNumber: false),
        ]
        return table(model, head, empty: "no job matches") { index in
            let job = model.jobs[index]
            return (
                [
                    job.state.rawValue, job.message.type, job.message.id.description, "\(job.attempt)",
                    job.message.queue,
                    job.run.lastError ?? "",
                ], job.state == .dead ? .bad : job.state == .retrying ? .warn : job.state == .active ? .now : .plain,
                job.isMarked(in: model.marked)
            )
        }
    }

    private func workers(_ model: TopModel) -> [TopLine] {
        let workers = model.data?.workers ?? []
        let head = [
            Column(title: "WORKER", width: columns < 80 ? 24 : 36, isNumber: false), Column(title: "BUSY", width: 9),
            Column(title: "UP", width: 7), Column(title: "VERSION", width: 10, isNumber: false),
            Column(title: "QUEUES", width: max(10, columns - 72), isNumber: false),
        ]
        return table(model, head, empty: "no worker is alive: spanq worker") { index in
            let worker = workers[index]
            let up = (model.data?.at ?? worker.startedAt) - worker.startedAt
            return (
                [
                    worker.id, "\(worker.busy)/\(worker.concurrency)", AgeText.format(up), worker.version,
                    worker.queues.joined(separator: ","),
                ], worker.busy >= worker.concurrency ? .warn : .plain, false
            )
        }
    }

    private func errors(_ model: TopModel) -> [TopLine] {
        let errors = model.errors
        let type = columns < 100 ? 14 : 24
        let head = [
            Column(title: "COUNT", width: 8), Column(title: "LAST", width: 14, isNumber: false),
            Column(title: "TYPE", width: type, isNumber: false),
            Column(title: "ERROR", width: max(12, columns - type - 40), isNumber: false),
            Column(title: "QUEUE", width: 12, isNumber: false),
        ]
        return table(model, head, empty: "no attempt has failed; workers tell of errors every ten seconds") { index in
            let group = errors[index]
            // The month, the day and the time, in UTC.
            let last = group.lastSeen.dropFirst(5).prefix(14).replacing("T", with: " ")
            return (
                [
                    number(group.count), String(last), group.fingerprint == nil ? "others" : group.type, group.message,
                    group.queue,
                ], .plain, false
            )
        }
    }

    private func types(_ model: TopModel) -> [TopLine] {
        let types = model.types
        let head = [
            Column(title: "TYPE", width: columns < 100 ? 25 : 36, isNumber: false), Column(title: "READY", width: 9),
            Column(title: "ACTIVE", width: 7), Column(title: "RETRYING", width: 9), Column(title: "DEAD", width: 7),
            Column(title: "FAILED", width: 8), Column(title: "WORKERS", width: 7),
        ]
        return table(model, head, empty: "no types yet: one is there with its first job, or a worker for it") { index in
            let type = types[index]
            func count(_ state: JobState) -> Int { type.jobs[state.rawValue] ?? 0 }
            let isStranded = type.workers == 0 && count(.ready) + count(.retrying) > 0
            return (
                [
                    type.type, number(count(.ready)), number(count(.active)), number(count(.retrying)),
                    number(count(.dead)), number(type.errors), "\(type.workers)",
                ], isStranded || count(.dead) > 0 ? .bad : .plain, false
            )
        }
    }

    private func feed(_ model: TopModel) -> [TopLine] {
        let head = [
            Column(title: "AT", width: 12, isNumber: false), Column(title: "EVENT", width: 10, isNumber: false),
            Column(title: "TYPE", width: columns < 80 ? 14 : 24, isNumber: false),
            Column(title: "ID", width: columns < 100 ? 18 : 36, isNumber: false),
            Column(title: "QUEUE", width: 12, isNumber: false),
            Column(title: "ERROR", width: 10, isNumber: false),
        ]
        return table(model, head, empty: "nothing has happened since you look") { index in
            let event = model.events[index]
            let style: TopSpan.Style =
                switch event.event {
                case "completed": .well
                case "buried", "lost": .bad
                case "retried": .warn
                default: .plain
                }
            return (
                [
                    String(event.at.dropFirst(11).dropLast()), event.event, event.type ?? "", event.id, event.queue,
                    event.errorType ?? "",
                ], style, false
            )
        }
    }

    // MARK: Figures

    private func number(_ value: Int) -> String {
        var digits = String(abs(value))
        var text = ""
        while digits.count > 3 {
            text = ",\(digits.suffix(3))\(text)"
            digits.removeLast(3)
        }
        return (value < 0 ? "-" : "") + digits + text
    }

    private func rate(_ value: Double?) -> String {
        guard let value else { return "-" }
        return value >= 100 ? number(Int(value.rounded())) : tenth(value)
    }

    private func tenth(_ value: Double) -> String {
        let tenths = Int((value * 10).rounded())
        return "\(tenths / 10).\(tenths % 10)"
    }

    private func clock(_ moment: Timestamp, isUTC: Bool) -> String { TopClock.text(moment, isUTC: isUTC) }
}
