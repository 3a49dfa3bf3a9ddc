public import SpanQueue

/// Runs a program for each job: the payload on its standard input, what the job is in its environment, its exit code the
/// outcome.
public struct ExecHandler: Sendable {
    /// Checks the command. Nothing is run yet.
    public init(command: String, configuration: ExecConfiguration = .init()) throws(SpanQueueError) {
    }

    /// Runs the program for one job; a raw handler.
    public func run(_ job: RawJob, _ context: JobContext) async throws {
    }
}
