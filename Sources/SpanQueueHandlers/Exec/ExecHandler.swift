import Logging
public import SpanQueue

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// Runs a program for each job, without a shell: the payload is on its standard input, what the job is in its environment,
/// and nothing of the job in its arguments.
///
/// | it ends with | the job |
/// |---|---|
/// | exit code 0 | completes; standard output is the result |
/// | 65 (`EX_DATAERR`) | is buried |
/// | 75 (`EX_TEMPFAIL`), any other code, a signal | is tried again; the end of standard error is the error |
/// | SIGTERM (or 143) that was not ours, while the worker stops | is given back without being charged an attempt: a supervisor ended both |
///
/// In the environment are `TRACEPARENT` (and `TRACESTATE`, `BAGGAGE` where there are any), `SPANQ_JOB_ID`, `SPANQ_JOB_TYPE`,
/// `SPANQ_QUEUE`, `SPANQ_ATTEMPT`, `SPANQ_MAX_ATTEMPTS`, `SPANQ_TOKEN`, and of the worker's own what
/// `ExecConfiguration.passedEnvironment` names.
///
/// The program leads a process group. When the attempt is over before it (timeout, lost lease, drain, cancel), the group gets
/// SIGTERM and after `ExecConfiguration.killGrace` SIGKILL. When the program ends, what is left of its group is killed. It also ends with
/// the worker: on Linux the kernel kills it when this process dies, by SIGKILL too, and where the process exits, its group.
public struct ExecHandler: Sendable {
    private static let permanentCode: Int32 = 65
    /// A shell's, for a child that SIGTERM has ended.
    private static let terminatedCode: Int32 = 128 + SIGTERM
    /// How long after a program's end by SIGTERM the worker may learn that it is to stop: both were signalled at once.
    private static let stopPatience = Duration.seconds(2)

    private let program: Program
    private let environment: ExecEnvironment
    private let bounds: ChildProcess.Bounds

    /// Takes the command apart, by the quoting rules of a shell, and finds its program; nothing is run yet.
    ///
    /// - Throws: `.invalidArgument` for an empty command, quotes that are not closed, operators of a shell, and a program that does
    ///   not exist or may not be executed.
    public init(command: String, configuration: ExecConfiguration = .init()) throws(SpanQueueError) {
        program = try Program(command: command)
        environment = try ExecEnvironment(passing: configuration.passedEnvironment)
        bounds = ChildProcess.Bounds(
            killGrace: max(.zero, configuration.killGrace), outputBytes: configuration.stdoutLimit,
            errorBytes: configuration.stderrLimit)
    }

    /// Runs the program for one job; a raw handler.
    ///
    /// - Throws: `JobError.permanent` for exit code 65, `CancellationError` when the task was cancelled while the program ran,
    ///   whatever its exit code was then, and an error that is tried again for anything but exit code 0.
    public func run(_ job: RawJob, _ context: JobContext) async throws {
        try Task.checkCancellation()
        let child = ChildProcess(
            program, environment: environment.variables(for: context), input: job.payload, bounds: bounds)
        let outcome = await child.run()
        guard outcome.end != .cancelled else { throw CancellationError() }
        if outcome.end == .signal(SIGTERM) || outcome.end == .exit(Self.terminatedCode),
            await context.isStopping(within: Self.stopPatience)
        {
            throw JobReleased()
        }
        if let error = ExecError(outcome) {
            guard outcome.end != .exit(Self.permanentCode) else { throw JobError.permanent(error.description) }
            throw error
        }
        ResultStore.store(
            outcome.output.bytes, droppedBytes: outcome.output.droppedBytes, of: "the program's standard output",
            in: context)
    }
}
