import ArgumentParser
import SpanQueue

/// `spanq job list`
struct JobListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List jobs, by state; within a state, oldest first.")

    @Option(help: ArgumentHelp("Only jobs in this state.", valueName: "state"))
    var state: JobState?

    @OptionGroup var listing: JobListing
    @OptionGroup var global: GlobalOptions

    func validate() throws {
        if listing.cursor != nil, listing.queue == nil || state == nil {
            throw ValidationError("--cursor belongs to one queue and state: give --queue and --state too")
        }
    }

    func run() async throws {
        let states = state.map { [$0] } ?? JobState.known
        let isOneList = listing.queue != nil && state != nil
        try await global.withQueue { client in
            try await JobLines(json: global.json).print(listing, in: client, states: states) { cursor in
                isOneList && !cursor.isEmpty
                    ? "go on with --cursor '\(cursor)'" : "raise --limit, or give --queue and --state"
            }
        }
    }
}
