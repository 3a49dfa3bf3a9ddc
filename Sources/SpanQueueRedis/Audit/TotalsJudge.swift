import SpanQueue

/// Says whether a queue's totals agree with what is in its keys.
enum TotalsJudge {
    /// - Parameter numbers: the lengths of the first 13 keys of ``QueueKey``, then the totals enqueued, completed, dead, cancelled and
    ///   removed; nil for what is no number.
    static func violations(_ numbers: [Int64?], queue: String) -> [AuditViolation] {
        func violation(_ detail: String) -> [AuditViolation] {
            [AuditViolation(.totals, queue: queue, subject: queue, detail)]
        }
        let known = numbers.compactMap(\.self)
        guard known.count == 18 else { return violation("one of its totals is no number") }
        func length(_ key: QueueKey) -> Int64 { known[key.rawValue - 1] }
        let messages = length(.jobs)
        let states: [QueueKey] = [
            .ready, .priority, .scheduled, .retrying, .active, .completed, .retained, .dead, .cancelled,
        ]
        let inStates = states.reduce(0) { $0 + length($1) }
        let (enqueued, removed) = (known[13], known[17])
        // Where jobs and states differ, an id is in too few or too many of them, which has a rule of its own.
        let expected = enqueued &- removed
        if expected != messages, expected != inStates {
            return violation("\(enqueued) enqueued less \(removed) removed are not the \(messages) jobs that there are")
        }
        guard messages == inStates else { return [] }
        let ended: [(String, Int64, Int64)] = [
            ("completed", known[14], length(.completed) + length(.retained)), ("dead", known[15], length(.dead)),
            ("cancelled", known[16], length(.cancelled)),
        ]
        return ended.first { $1 < $2 }.map { violation("\($2) jobs are \($0), and its total is \($1)") } ?? []
    }
}
