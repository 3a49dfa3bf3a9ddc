#if canImport(Darwin)
    internal import Darwin
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Glibc
#endif

/// The two clocks of a span: it begins at a time of day and lasts for a monotonic while, so that a step of the system's clock
/// in between neither stretches it nor turns it round.
enum SpanClock {
    /// Nanoseconds since the Unix epoch.
    static func now() -> UInt64 { read(CLOCK_REALTIME) }

    /// Nanoseconds since some moment in the past; never falls.
    static func monotonic() -> UInt64 { read(CLOCK_MONOTONIC) }

    private static func read(_ clock: clockid_t) -> UInt64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
    }
}
