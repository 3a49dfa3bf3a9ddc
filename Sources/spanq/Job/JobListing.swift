import ArgumentParser
import SpanQueue

/// Which jobs to list, and how many.
struct JobListing: ParsableArguments {
    @Option(help: ArgumentHelp("The queue; all unless given.", valueName: "name"))
    var queue: String?

    @Option(help: ArgumentHelp("Only jobs of this type; a final * stands for anything.", valueName: "type"))
    var type: String?

    @Option(help: ArgumentHelp("How many at most; 0 for all.", valueName: "count"))
    var limit = 50

    @Option(help: ArgumentHelp("Where the last page of one queue and state ended.", valueName: "cursor"))
    var cursor: String?

    func validate() throws {
        if limit < 0 { throw ValidationError("--limit \(limit): use 0 for all, or a positive number") }
    }

    /// Hands over the jobs page by page; returns where to go on, if there are more.
    func each(
        in client: JobQueue, states: [JobState], _ body: ([JobRecord]) throws -> Void
    ) async throws -> String? {
        let counts = if let queue { try await client.counts(ofKnown: [queue]) } else { try await client.counts() }
        let known = counts.map(\.queue)
        var left = limit == 0 ? Int.max : limit
        for queue in known {
            for state in states {
                var cursor = cursor
                repeat {
                    // With a filter, a page of the queue is not a page of ours: small steps, so that the cursor stays exact.
                    let size = type == nil ? min(left, 500) : min(left, 100)
                    let page = try await client.list(
                        ListRequest(queue: queue, state: state, cursor: cursor, limit: size))
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

    private func matches(_ record: JobRecord) -> Bool {
        guard let type else { return true }
        return type.hasSuffix("*") ? record.message.type.hasPrefix(type.dropLast()) : record.message.type == type
    }
}
