import SpanQueue

/// Prints lists of jobs: JSON a line as they come, or one table.
struct JobLines {
    let json: Bool

    func print(_ listing: JobListing, in client: JobQueue, states: [JobState], isOneList: Bool) async throws {
        let isDead = states == [.dead]
        var table =
            isDead
            ? Table(.text("ID"), .text("TYPE"), .text("QUEUE"), .number("ATTEMPT"), .text("REASON"), .text("ERROR"))
            : Table(.text("ID"), .text("TYPE"), .text("QUEUE"), .text("STATE"), .number("ATTEMPT"), .text("ENQUEUED"))
        let cursor = try await listing.each(in: client, states: states) { jobs in
            guard !json else {
                let lines = try jobs.map { try JSONLine.encode(JobOutput($0)) }
                if !lines.isEmpty { Console.print(lines.joined(separator: "\n")) }
                return try Console.check()
            }
            for job in jobs {
                let message = job.message
                let first = [message.id.description, message.type, message.queue]
                if isDead {
                    table.add(first + ["\(job.attempt)", job.run.endReason ?? "", job.run.lastError ?? ""])
                } else {
                    table.add(
                        first + [job.state.rawValue, "\(job.attempt)", (job.dueAt ?? message.enqueuedAt).description])
                }
            }
        }
        if !json {
            if table.rows.isEmpty { Console.note("spanq: no such jobs") } else { table.print() }
        }
        if let cursor, !cursor.isEmpty {
            Console.note(
                "spanq: there are more: "
                    + (isOneList ? "go on with --cursor '\(cursor)'" : "raise --limit, or give --queue and --state"))
        }
    }
}
