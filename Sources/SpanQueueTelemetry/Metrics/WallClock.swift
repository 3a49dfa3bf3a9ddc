#if canImport(Darwin)
    internal import Darwin
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Glibc
#endif

/// The time of day in nanoseconds since the Unix epoch.
enum WallClock {
    /// As exact as the system knows it.
    static func now() -> UInt64 { read(CLOCK_REALTIME) }

    /// Some milliseconds old, and several times cheaper: for exemplars, which are read once a scrape.
    static func recent() -> UInt64 {
        #if os(Linux)
            read(CLOCK_REALTIME_COARSE)
        #else
            read(CLOCK_REALTIME)
        #endif
    }

    private static func read(_ clock: clockid_t) -> UInt64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
    }
}
