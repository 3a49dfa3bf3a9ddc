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
