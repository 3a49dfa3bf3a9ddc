import ArgumentParser
import SpanQueue

/// Which jobs to list, and how many.
struct JobListing: ParsableArguments {
    @Option(help: ArgumentHelp("The queue; all unless given.", valueName: "name"))
    var queue: String?

    @Option(help: ArgumentHelp("Only jobs of this type; a final * stands for anything.", valueName: "type"))
    var type: String?

    @Option(help: ArgumentHelp("Only jobs with this tag. Repeatable: with all of them.", valueName: "tag"))
    var tag: [String] = []

    @Option(help: ArgumentHelp("How many at most; 0 for all.", valueName: "count"))
    var limit = 50

    @Option(help: ArgumentHelp("Where the last page of one queue and state ended.", valueName: "cursor"))
    var cursor: String?

    func validate() throws {
        if limit < 0 { throw ValidationError("--limit \(limit): use 0 for all, or a positive number") }
    }

    /// Hands over the jobs page by page, dead letters with the newest first; returns where to go on, if there are more.
    func each(
        in client: JobQueue, states: [JobState], _ body: ([JobRecord]) throws -> Void
    ) async throws -> String? {
        let counts = if let queue { try await client.counts(ofKnown: [queue]) } else { try await client.counts() }
        let known = counts.map(\.queue)
        if states == [.dead], queue == nil, limit > 0 { return try await newestDead(of: known, in: client, body) }
        var left = limit == 0 ? Int.max : limit
        for queue in known {
            for state in states {
                var cursor = cursor
                repeat {
                    // With a filter, a page of the queue is not a page of ours: small steps, so that the cursor stays exact.
                    let size = isFiltered ? min(left, 100) : min(left, 500)
                    let page = try await client.list(
                        ListRequest(
                            queue: queue, state: state, cursor: cursor, limit: size, newestFirst: state == .dead))
                    let jobs = page.jobs.filter(matches)
                    try body(jobs)
                    left -= jobs.count
                    cursor = page.cursor
                    if left <= 0 { return cursor ?? "" }
                } while cursor != nil
            }
        }
        return nil
    }

    /// The newest dead letters of all queues together.
    private func newestDead(
        of queues: [String], in client: JobQueue, _ body: ([JobRecord]) throws -> Void
    ) async throws -> String? {
        var newest: [JobRecord] = []
        for queue in queues {
            var one = self
            one.queue = queue
            one.cursor = nil
            // One more than is shown tells whether there are more.
            one.limit = limit + 1
            _ = try await one.each(in: client, states: [.dead]) { newest += $0 }
            newest.sort { ($0.run.changedAt ?? .distantPast) > ($1.run.changedAt ?? .distantPast) }
            newest = Array(newest.prefix(limit + 1))
        }
        try body(Array(newest.prefix(limit)))
        return newest.count > limit ? "" : nil
    }

    private var isFiltered: Bool { type != nil || !tag.isEmpty }

    private func matches(_ record: JobRecord) -> Bool {
        guard tag.allSatisfy(record.message.tags.contains) else { return false }
        guard let type else { return true }
        return type.hasSuffix("*") ? record.message.type.hasPrefix(type.dropLast()) : record.message.type == type
    }
}

extension Timestamp {
    fileprivate static let distantPast = Timestamp(milliseconds: .min)
}
