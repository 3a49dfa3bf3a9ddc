import SpanQueue

/// What `worker --once` prints at its end.
struct SummaryOutput: Encodable, Sendable {
    let completed: Int
    let retried: Int
    let dead: Int
    let cancelled: Int
    let released: Int
    let reclaimed: Int

    init(_ summary: RunSummary) {
        completed = summary[.completed]
        retried = summary[.retried]
        dead = summary[.buried]
        cancelled = summary[.cancelled]
        released = summary[.released]
        reclaimed = summary.reclaimed
    }

    static func print(_ summary: RunSummary, json: Bool) throws {
        let output = SummaryOutput(summary)
        if json { return try JSONLine.print(output) }
        let parts = [
            ("retried", output.retried), ("dead", output.dead), ("cancelled", output.cancelled),
            ("released", output.released), ("reclaimed", output.reclaimed),
        ]
        let rest = parts.filter { $0.1 > 0 }.map { ", \($0.1) \($0.0)" }.joined()
        Console.print("\(output.completed) completed\(rest)")
    }
}
