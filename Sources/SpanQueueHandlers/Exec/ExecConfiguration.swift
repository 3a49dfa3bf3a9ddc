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
