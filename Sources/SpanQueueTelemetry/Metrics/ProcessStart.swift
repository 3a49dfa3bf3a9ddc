/// When this process began.
enum ProcessStart {
    /// In seconds since the Unix epoch, as the system tells it; nil where it does not.
    static let seconds = ProcFile.startSeconds()

    /// In nanoseconds since the Unix epoch; where the system does not tell, when it was first asked for. Never after that: the
    /// system counts in whole ticks, and its clock may have been set.
    static let unixNanoseconds: UInt64 = {
        let now = SystemClock.now()
        return seconds.map { min(now, UInt64(max(0, $0) * 1e9)) } ?? now
    }()
}
