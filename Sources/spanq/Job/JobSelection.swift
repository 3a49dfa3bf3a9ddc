import ArgumentParser
import SpanQueue

/// One job, by its id.
struct JobSelection: ParsableArguments {
    @Argument(help: ArgumentHelp("The job's id.", valueName: "id"))
    var jobID: String

    @Option(help: ArgumentHelp("The queue it is in; without it all are searched.", valueName: "name"))
    var queue: String?

    func find(in client: JobQueue) async throws -> JobRecord {
        let id = try JobID(argument: jobID)
        guard let record = try await client.job(id, in: queue) else {
            throw CommandFailure.notFound("no job \(id): it never was, or its record is no longer kept")
        }
        return record
    }
}
