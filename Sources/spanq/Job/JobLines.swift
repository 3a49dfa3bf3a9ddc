import SpanQueue

/// Prints lists of jobs: JSON a line as they come, or one table with what matters in their state.
struct JobLines {
    let json: Bool

    func print(
        _ listing: JobListing, in client: JobQueue, states: [JobState], more: (_ cursor: String) -> String
    ) async throws {
        let layout = Layout(states)
        var table = layout.table
        let cursor = try await listing.each(in: client, states: states) { jobs in
            guard !json else {
                let lines = try jobs.map { try JSONLine.encode(JobOutput($0)) }
                if !lines.isEmpty { Console.print(lines.joined(separator: "\n")) }
                return try Console.check()
            }
            for job in jobs { table.add(layout.cells(job)) }
        }
        if !json {
            if table.rows.isEmpty { Console.note("spanq: no such jobs") } else { table.print() }
        }
        if let cursor { Console.note("spanq: there are more: \(more(cursor))") }
    }

    /// The columns for jobs of one state, or of several.
    enum Layout {
        case mixed, active, retrying, dead

        init(_ states: [JobState]) {
            self =
                switch states {
                case [.active]: .active
                case [.retrying]: .retrying
                case [.dead]: .dead
                default: .mixed
                }
        }

        var table: Table {
            switch self {
            case .mixed:
                Table(
                    .id("ID"), .text("TYPE"), .text("QUEUE"), .fixed("STATE"), .number("ATTEMPT"), .fixed("ENQUEUED"),
                    .fixed("DUE"))
            case .active:
                Table(.id("ID"), .text("TYPE"), .text("QUEUE"), .number("ATTEMPT"), .fixed("STARTED"), .text("WORKER"))
            case .retrying:
                Table(.id("ID"), .text("TYPE"), .text("QUEUE"), .number("ATTEMPT"), .fixed("DUE"), .text("ERROR"))
            case .dead:
                Table(
                    .id("ID"), .text("TYPE"), .text("QUEUE"), .number("ATTEMPT"), .fixed("DIED"), .text("REASON"),
                    .text("ERROR"))
            }
        }

        func cells(_ job: JobRecord) -> [String] {
            let message = job.message
            let first = [message.id.description, message.type, message.queue]
            let attempt = "\(job.attempt)"
            let error = job.run.lastError ?? ""
            let due = job.dueAt?.description ?? ""
            switch self {
            case .mixed:
                return first + [job.state.rawValue, attempt, message.enqueuedAt.description, due]
            case .active:
                return first + [attempt, job.claim?.claimedAt.description ?? "", job.claim?.worker ?? ""]
            case .retrying: return first + [attempt, due, error]
            case .dead:
                return first + [attempt, job.run.changedAt?.description ?? "", job.run.endReason ?? "", error]
            }
        }
    }
}
