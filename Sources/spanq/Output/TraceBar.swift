import SpanQueue

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
