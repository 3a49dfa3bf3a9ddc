// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Logging
public import SpanQueue
import SpanQueueTelemetry

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
/// | SIGTERM (or 143) that was not ours, while the worker stops | is released without being charged an attempt: a supervisor ended both |
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
    public func run(_ payload: [UInt8], _ context: JobContext) async throws {
        try Task.checkCancellation()
        let child = ChildProcess(
            program, environment: environment.variables(for: context), input: payload, bounds: bounds)
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

/// How programs are run for jobs.
public struct ExecConfiguration: Sendable, Hashable {
    /// How long a program whose attempt is over has between SIGTERM and SIGKILL, both of which go to its whole process
    /// group; 5 s by default.
    public var killGrace = Duration.seconds(5)
    /// How many bytes of standard output are kept as the job's result, in bytes; 64 KiB by default, which is the limit of a
    /// result. What a program writes beyond is read and dropped, with a line in the log.
    public var stdoutLimit = 64 << 10
    /// How many bytes of the end of standard error are kept for the error's text, in bytes; 4 KiB by default.
    public var stderrLimit = 4 << 10
    /// The names of the variables that programs get from the worker's own environment, where they are set. Everything else
    /// in it stays with the worker: it may hold the credentials of Redis.
    public var passedEnvironment = [
        "PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR",
    ]

    /// The defaults above.
    public init() {}
}

/// Why an attempt of a program failed; the job is tried again.
struct ExecError: NamedError, CustomStringConvertible {
    let errorType: String
    let description: String

    init?(_ outcome: ChildOutcome) {
        let text: String
        switch outcome.end {
        case .exit(0), .cancelled: return nil
        case .exit(let code): (errorType, text) = ("exit_status", "exit status \(code)")
        case .signal(let number): (errorType, text) = ("signal", "killed by \(Self.signalName(number))")
        case .unknown:
            (errorType, text) = (
                "exit_status_unknown", "exit status unknown: SIGCHLD is ignored or waited for elsewhere"
            )
        case .notStarted(let code):
            (errorType, text) = ("spawn", "the program can't be started: \(Self.words(for: code))")
        }
        let room = Limits.errorBytes - text.utf8.count - 2
        let end = ForeignText.end(of: outcome.error.bytes, isCut: outcome.error.isCut, limit: room)
        description = end.isEmpty ? text : "\(text): \(end)"
    }

    private static func words(for code: Int32) -> String {
        switch code {
        case ENOEXEC: "it is neither a binary of this machine nor a script that begins with `#!`"
        case ENOENT: "it, or the interpreter that its first line names, is gone"
        case EAGAIN: "too many processes (see `ulimit -u`)"
        case EMFILE, ENFILE: "too many open files (see `ulimit -n`)"
        default: strerror(code).map { String(cString: $0) } ?? "error \(code)"
        }
    }

    private static func signalName(_ number: Int32) -> String {
        let names: [Int32: String] = [
            SIGHUP: "SIGHUP", SIGINT: "SIGINT", SIGQUIT: "SIGQUIT", SIGILL: "SIGILL", SIGTRAP: "SIGTRAP",
            SIGABRT: "SIGABRT",
            SIGBUS: "SIGBUS", SIGFPE: "SIGFPE", SIGKILL: "SIGKILL", SIGSEGV: "SIGSEGV", SIGPIPE: "SIGPIPE",
            SIGALRM: "SIGALRM", SIGTERM: "SIGTERM", SIGXCPU: "SIGXCPU", SIGXFSZ: "SIGXFSZ", SIGSYS: "SIGSYS",
            SIGUSR1: "SIGUSR1", SIGUSR2: "SIGUSR2",
        ]
        return names[number].map { "signal \(number) (\($0))" } ?? "signal \(number)"
    }
}

/// What a program finds in its environment: the variables that are passed through, and what its job is.
struct ExecEnvironment: Sendable {
    /// `NAME=value`, read once. The bytes as they are: a value need not be UTF-8.
    private let passed: [[UInt8]]

    init(passing names: [String]) throws(SpanQueueError) {
        for name in names where name.isEmpty || name.utf8.contains(where: { $0 == 0x3D || $0 <= 0x20 || $0 >= 0x7F }) {
            throw SpanQueueError(
                .invalidArgument, "\(Excerpt.printable(name, limit: 100)) is not the name of an environment variable")
        }
        var seen: Set<String> = []
        passed = names.compactMap { name in
            guard seen.insert(name).inserted, !Self.isOurs(name), let value = getenv(name) else { return nil }
            return Array("\(name)=".utf8) + UnsafeRawBufferPointer(start: value, count: strlen(value))
        }
    }

    func variables(for context: JobContext) -> [[UInt8]] {
        var variables = [
            "SPANQ_JOB_ID=\(context.id)", "SPANQ_JOB_TYPE=\(context.type)", "SPANQ_QUEUE=\(context.queue)",
            "SPANQ_ATTEMPT=\(context.attempt)", "SPANQ_MAX_ATTEMPTS=\(context.maxAttempts)",
            "SPANQ_TOKEN=\(context.token)", "TRACEPARENT=\(context.trace.traceParent)",
        ]
        if let traceState = context.trace.traceState { variables.append("TRACESTATE=\(traceState)") }
        if let baggage = context.trace.baggage { variables.append("BAGGAGE=\(baggage)") }
        // A NUL would cut the variable short, and only the last two can have one: what is broken is left out.
        return passed + variables.filter { !$0.utf8.contains(0) }.map { Array($0.utf8) }
    }

    /// A variable that names the job is the job's, also where the worker itself runs inside another trace.
    private static func isOurs(_ name: String) -> Bool {
        ["TRACEPARENT", "TRACESTATE", "BAGGAGE"].contains(name)
            || ["SPANQ_JOB_ID", "SPANQ_JOB_TYPE", "SPANQ_QUEUE", "SPANQ_ATTEMPT", "SPANQ_MAX_ATTEMPTS", "SPANQ_TOKEN"]
                .contains(name)
    }
}
