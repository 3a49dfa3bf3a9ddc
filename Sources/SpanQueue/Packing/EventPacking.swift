// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

/// An event as it is published: lines of words with tabs between them.
///
/// ```
/// 1 <kind> <ms> <database>          version 1; work of workers, or what a person asked for: act or bulk
/// <kind> <count>                    for each kind of which there is one, then an empty line
/// <kind> <id> <type> <attempt> <error type>      for at most 16 jobs; what is not known is empty
/// ```
///
/// Channels of Redis are not of a database, as keys are, so an event says of which it is; elsewhere it is 0. A reader skips what it
/// does not know: words at the end of a line, and kinds.
package enum EventPacking {
    private static let version = "1"

    package static func pack(_ event: QueueEvent, of call: String, database: Int) -> String {
        var lines = [line(version, call, "\(event.at.milliseconds)", "\(database)")]
        lines += event.counts.sorted { $0.key.rawValue < $1.key.rawValue }.map { line($0.key.rawValue, "\($0.value)") }
        lines.append("")
        lines += event.jobs.map { job in
            line(
                job.kind.rawValue, job.id.description, job.type ?? "", job.attempt.map(String.init) ?? "",
                job.errorType ?? "")
        }
        return lines.joined(separator: "\n")
    }

    /// Nil for what is not an event, or is of another database.
    package static func unpack(_ text: String, queue: String, database: Int) -> QueueEvent? {
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(words)[...]
        guard let head = lines.popFirst(), head.count >= 4, head[0] == version, let at = Int64(head[2]),
            head[3] == "\(database)"
        else { return nil }
        var counts: [QueueEvent.Kind: Int] = [:]
        while let words = lines.popFirst(), words.count >= 2 {
            if let count = Int(words[1]), count > 0 { counts[QueueEvent.Kind(rawValue: words[0])] = count }
        }
        let jobs = lines.compactMap { words -> QueueEvent.Change? in
            guard words.count >= 5, NameRule.jobID.allows(words[1]) else { return nil }
            return QueueEvent.Change(
                kind: QueueEvent.Kind(rawValue: words[0]), id: JobID(unchecked: words[1]),
                type: words[2].isEmpty ? nil : words[2], attempt: Int(words[3]),
                errorType: words[4].isEmpty ? nil : words[4])
        }
        return QueueEvent(queue: queue, at: Timestamp(milliseconds: at), counts: counts, jobs: jobs)
    }

    private static func line(_ words: String...) -> String {
        // No name has control characters, but what a handler calls its errors may have anything.
        words.map { Excerpt.printable($0, limit: 128) }.joined(separator: "\t")
    }

    private static func words(_ line: Substring) -> [String] {
        line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
    }
}
