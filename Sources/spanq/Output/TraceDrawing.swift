// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueue

/// Lays a job's life out over the columns of a terminal, in proportion but for long stretches in which it only waited.
///
/// Such a stretch is cut, and drawn a few columns wide, where it lasts a minute or more and is more than four times as long as
/// everything shorter than it that is drawn: uncut, it would have more than four fifths of the columns that the longer ones leave.
struct TraceAxis {
    /// How much longer than the rest a stretch is at least for it to be cut.
    static let cutRatio: Int64 = 4
    static let shortestCutMilliseconds: Int64 = 60_000

    /// A stretch of time in which nothing begins or ends.
    struct Stretch {
        let startMilliseconds: Int64
        let endMilliseconds: Int64
        var isCut = false
        /// Where it is drawn, in columns from the left.
        var from = 0.0
        var to = 0.0

        var milliseconds: Int64 { endMilliseconds - startMilliseconds }
        /// The column that shows the cut.
        var cutColumn: Int { Int((from + to) / 2) }
    }

    let columns: Int
    private(set) var stretches: [Stretch]

    var cuts: [Stretch] { stretches.filter(\.isCut) }

    init(_ steps: [JobTrace.Step], columns: Int) {
        self.columns = columns
        let moments = Set(steps.flatMap { [$0.start.milliseconds, $0.end.milliseconds] }).sorted()
        stretches = zip(moments, moments.dropFirst()).map { Stretch(startMilliseconds: $0, endMilliseconds: $1) }
        cut(idle(steps))
        layOut()
    }

    /// How many columns from the left a moment stands.
    func column(of moment: Timestamp) -> Double {
        let milliseconds = moment.milliseconds
        guard let stretch = stretches.first(where: { milliseconds <= $0.endMilliseconds }) else {
            return stretches.last?.to ?? 0
        }
        guard milliseconds > stretch.startMilliseconds else { return stretch.from }
        let share = Double(milliseconds - stretch.startMilliseconds) / Double(stretch.milliseconds)
        return stretch.from + share * (stretch.to - stretch.from)
    }

    /// The stretches in which no worker had the job, the longest first.
    private func idle(_ steps: [JobTrace.Step]) -> [Int] {
        let attempts = steps.filter { $0.stage == .attempt }
        let idle = stretches.indices.filter { index in
            !attempts.contains {
                $0.start.milliseconds < stretches[index].endMilliseconds
                    && $0.end.milliseconds > stretches[index].startMilliseconds
            }
        }
        return idle.sorted { stretches[$0].milliseconds > stretches[$1].milliseconds }
    }

    private mutating func cut(_ idle: [Int]) {
        var rest = stretches.reduce(0) { $0 + $1.milliseconds }
        var count = 0
        for (place, index) in idle.prefix(columns / 4).enumerated() {
            let length = stretches[index].milliseconds
            rest -= length
            guard length >= Self.shortestCutMilliseconds else { break }
            // Where nothing else is drawn, there is nothing to make readable.
            if rest > 0, length > rest.multipliedReportingOverflow(by: Self.cutRatio).partialValue { count = place + 1 }
        }
        for index in idle.prefix(count) { stretches[index].isCut = true }
    }

    private mutating func layOut() {
        let cutCount = cuts.count
        let cutColumns = cutCount * 5 * 2 <= columns ? 5.0 : cutCount * 3 * 2 <= columns ? 3.0 : 1.0
        let drawn = stretches.reduce(0) { $0 + ($1.isCut ? 0 : $1.milliseconds) }
        let scale = (Double(columns) - Double(cutCount) * cutColumns) / Double(max(1, drawn))
        var column = 0.0
        for index in stretches.indices {
            stretches[index].from = column
            column += stretches[index].isCut ? cutColumns : Double(stretches[index].milliseconds) * scale
            stretches[index].to = column
        }
    }
}

/// Draws one step of a job over an axis.
struct TraceBar {
    let axis: TraceAxis
    let marks: TraceMarks

    func draw(_ step: JobTrace.Step) -> String {
        var cells = [Character](repeating: " ", count: axis.columns)
        for cut in axis.cuts { cells[cut.cutColumn] = marks.cut }
        guard step.stage != .omission else { return String(cells) }
        // The sums that placed the moments may be off by the last bits of a Double.
        let from = axis.column(of: step.start) + 1e-6
        let to = axis.column(of: step.end) - 1e-6
        let first = min(Int(from), axis.columns - 1)
        guard step.duration > .zero else {
            cells[first] = marks.instant
            return String(cells)
        }
        let last = max(first, min(Int(to), axis.columns - 1))
        for column in first...last where cells[column] != marks.cut { cells[column] = mark(step.stage) }
        guard step.stage == .attempt else { return String(cells) }
        let (isLateStart, isEarlyEnd) = (from - Double(first) >= 0.5, to - Double(last) < 0.5)
        if first == last {
            cells[first] = isLateStart ? marks.rightHalf : isEarlyEnd ? marks.leftHalf : marks.attempt
        } else {
            if isLateStart { cells[first] = marks.rightHalf }
            if isEarlyEnd { cells[last] = marks.leftHalf }
        }
        return String(cells)
    }

    /// The line above the bars: the start, how much time each cut leaves out, and the whole time, as far as there is room.
    func scale(total: Duration) -> String {
        var cells = [Character](repeating: " ", count: axis.columns)
        func put(_ text: String, at column: Int) {
            let column = min(max(0, column), cells.count - text.count)
            guard column >= 0 else { return }
            let room = max(0, column - 1)..<min(cells.count, column + text.count + 1)
            guard cells[room].allSatisfy({ $0 == " " }) else { return }
            cells.replaceSubrange(column..<(column + text.count), with: text)
        }
        put("0", at: 0)
        put(ElapsedText.format(total), at: axis.columns)
        for cut in axis.cuts {
            let text = "~" + ElapsedText.format(.milliseconds(cut.milliseconds))
            put(text, at: cut.cutColumn - text.count / 2)
        }
        if axis.cuts.isEmpty, axis.columns >= 24, total > .zero {
            put(ElapsedText.format(total / 2), at: axis.columns / 2)
        }
        return String(cells)
    }

    private func mark(_ stage: JobTrace.Step.Stage) -> Character {
        switch stage {
        case .attempt: marks.attempt
        case .wait: marks.wait
        case .delay: marks.delay
        case .enqueue, .settlement, .action, .omission: marks.instant
        }
    }
}

/// The characters that a trace is drawn with.
struct TraceMarks: Sendable {
    let attempt: Character
    let wait: Character
    let delay: Character
    /// Something that took no time.
    let instant: Character
    /// Where a stretch of the axis is left out.
    let cut: Character
    /// The halves of a column, where there are any.
    let leftHalf: Character
    let rightHalf: Character
    /// Leads to the line with the error.
    let branch: String
    /// Whether only ASCII may be written.
    let isASCII: Bool

    static let unicode = TraceMarks(
        attempt: "█", wait: "▒", delay: "░", instant: "│", cut: "┊", leftHalf: "▌", rightHalf: "▐", branch: "└ ",
        isASCII: false)
    static let ascii = TraceMarks(
        attempt: "#", wait: "=", delay: ".", instant: "|", cut: ":", leftHalf: "#", rightHalf: "#", branch: "`- ",
        isASCII: true)

    /// A text of a job's own within these characters.
    func fit(_ text: String) -> String {
        guard isASCII, !text.utf8.allSatisfy({ $0 < 0x80 }) else { return text }
        let plain = text.replacing("…", with: "...")
        return String(String.UnicodeScalarView(plain.unicodeScalars.map { $0.isASCII ? $0 : "?" }))
    }

    /// A line with no more than `width` columns.
    func cut(_ line: String, to width: Int) -> String {
        guard isASCII, line.count > width else { return Table.cut(line, to: width) }
        return line.prefix(max(0, width - 3)) + "..."
    }
}
