import SpanQueue

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

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
