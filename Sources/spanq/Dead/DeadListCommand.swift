import ArgumentParser
import SpanQueue

/// `spanq dead list`
struct DeadListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List dead letters, newest first: when each died, why, and its last error.")

    @OptionGroup var listing: JobListing
    @OptionGroup var global: GlobalOptions

    func validate() throws {
        if listing.cursor != nil, listing.queue == nil {
            throw ValidationError("--cursor belongs to one queue: give --queue too")
        }
    }

    func run() async throws {
        try await global.withQueue { client in
            try await JobLines(json: global.json).print(listing, in: client, states: [.dead]) { cursor in
                listing.queue != nil && !cursor.isEmpty
                    ? "go on with --cursor '\(cursor)'" : "raise --limit, or give --queue"
            }
        }
    }
}
