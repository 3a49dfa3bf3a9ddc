// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import ArgumentParser
import SpanQueue
import SpanQueueAdmin

/// `spanq job list`
struct JobListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List jobs, by state: those that wait in their order, those that have ended with the newest first.")

    @Option(help: ArgumentHelp("Only jobs in this state.", valueName: "state"))
    var state: JobState?

    @OptionGroup var listing: JobListing
    @OptionGroup var global: GlobalOptions

    func run() async throws {
        try listing.check(state)
        try await global.withAdmin { admin in
            try await JobLines(json: global.json).print(listing, in: admin, state)
        }
    }
}

/// Which jobs to look for, whatever their state.
struct JobSearchOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The queue; all unless given.", valueName: "name"))
    var queue: String?

    @Option(help: ArgumentHelp("Only jobs of this type; a final * stands for anything.", valueName: "type"))
    var type: String?

    @Option(help: ArgumentHelp("Only jobs with this tag. Repeatable: with all of them.", valueName: "tag"))
    var tag: [String] = []

    @Option(
        help: ArgumentHelp(
            "Only jobs with this in their last error, in its type, or in the reason for their end.", valueName: "text"))
    var error: String?

    @Option(help: ArgumentHelp("Only jobs of a group that spanq error list shows.", valueName: "fingerprint"))
    var fingerprint: String?

    @Option(help: ArgumentHelp("Only jobs whose id begins so.", valueName: "prefix"))
    var id: String?

    @Option(
        help: ArgumentHelp(
            "Only jobs to which something happened since: 1h30m ago, or 2026-11-21T09:30:00Z.",
            valueName: "duration|time"))
    var since: String?

    @Option(
        help: ArgumentHelp("Only jobs to which nothing happened after that.", valueName: "duration|time"))
    var until: String?

    func validate() throws {
        try NameRule.queue.validate(queue)
        do throws(SpanQueueError) { _ = try filter(nil) } catch { throw ValidationError(error.message) }
    }

    func filter(_ state: JobState?) throws(SpanQueueError) -> JobFilter {
        JobFilter(
            queue: queue, state: state, type: type, tags: tag, id: id, error: error,
            fingerprint: try fingerprint.map(JobFilter.fingerprint),
            since: try since.map { text throws(SpanQueueError) in try TimeBound(text, "--since") },
            until: try until.map { text throws(SpanQueueError) in try TimeBound(text, "--until") })
    }
}

/// Which jobs to list, and how many.
struct JobListing: ParsableArguments {
    @OptionGroup var search: JobSearchOptions

    @Option(help: ArgumentHelp("How many at most; 0 for all.", valueName: "count"))
    var limit = 50

    @Option(help: ArgumentHelp("Where the last page of the same list ended.", valueName: "cursor"))
    var cursor: String?

    func validate() throws {
        if limit < 0 { throw ValidationError("--limit \(limit): use 0 for all, or a positive number") }
    }

    /// Refuses a cursor of another list, before there is a connection.
    func check(_ state: JobState?) throws(SpanQueueError) {
        guard let cursor else { return }
        try search.filter(state).check(cursor: cursor)
    }

    /// Hands over the jobs page by page, those that have ended with the newest first.
    ///
    /// - Returns: where to go on, if there are more; empty where that can't be said.
    func each(
        in admin: Admin, _ state: JobState?, _ body: ([JobRecord]) throws -> Void
    ) async throws -> String? {
        if let state, state.isNewestFirst, search.queue == nil, limit > 0, cursor == nil {
            return try await newest(in: admin, state, body)
        }
        return try await each(in: admin, search.filter(state), limit == 0 ? .max : limit, body)
    }

    private func each(
        in admin: Admin, _ filter: JobFilter, _ limit: Int, _ body: ([JobRecord]) throws -> Void
    ) async throws -> String? {
        var left = limit
        var cursor = cursor
        repeat {
            let page = try await admin.search(filter, cursor: cursor, limit: min(left, 500))
            try body(page.jobs)
            left -= page.jobs.count
            cursor = page.cursor
        } while cursor != nil && left > 0
        return cursor
    }

    /// The newest of all queues together.
    private func newest(
        in admin: Admin, _ state: JobState, _ body: ([JobRecord]) throws -> Void
    ) async throws -> String? {
        var newest: [JobRecord] = []
        var filter = try search.filter(state)
        for queue in try await admin.queues().map(\.name) {
            filter.queue = queue
            // One more than is shown tells whether there are more.
            _ = try await each(in: admin, filter, limit + 1) { newest += $0 }
            newest.sort { JobQuery.moment(of: $0) > JobQuery.moment(of: $1) }
            newest = Array(newest.prefix(limit + 1))
        }
        try body(Array(newest.prefix(limit)))
        return newest.count > limit ? "" : nil
    }
}

/// Prints lists of jobs: JSON a line as they come, or one table with what matters in their state.
struct JobLines {
    let json: Bool

    func print(_ listing: JobListing, in admin: Admin, _ state: JobState?) async throws {
        let layout = Layout(state)
        var table = layout.table
        let cursor = try await listing.each(in: admin, state) { jobs in
            guard !json else {
                let lines = try jobs.map { try AdminJSON.line(JobView($0)) }
                if !lines.isEmpty { Console.print(lines.joined(separator: "\n")) }
                return try Console.check()
            }
            for job in jobs { table.add(layout.cells(job)) }
        }
        if !json {
            if table.rows.isEmpty { Console.note("spanq: no such jobs") } else { table.print() }
        }
        if let cursor {
            let advice = cursor.isEmpty ? "raise --limit, or give --queue" : "continue with --cursor '\(cursor)'"
            Console.note("spanq: there are more: \(advice)")
        }
    }

    /// The columns for jobs of one state, or of several.
    enum Layout {
        case mixed, active, retrying, dead

        init(_ state: JobState?) {
            self =
                switch state {
                case .active: .active
                case .retrying: .retrying
                case .dead: .dead
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
