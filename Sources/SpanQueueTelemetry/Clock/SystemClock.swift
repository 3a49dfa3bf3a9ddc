// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

#if canImport(Darwin)
    internal import Darwin
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Glibc
#endif

/// The system's clocks in whole nanoseconds. A span begins at a time of day and lasts for a monotonic while, so that a step of
/// the time of day in between neither stretches it nor turns it round.
package enum SystemClock {
    /// Since the Unix epoch.
    package static func now() -> UInt64 { read(CLOCK_REALTIME) }

    /// Since the Unix epoch, some milliseconds old and several times cheaper: for exemplars, which are read once a scrape.
    static func recent() -> UInt64 {
        #if os(Linux)
            read(CLOCK_REALTIME_COARSE)
        #else
            read(CLOCK_REALTIME)
        #endif
    }

    /// Since some moment in the past; never falls.
    package static func monotonic() -> UInt64 { read(CLOCK_MONOTONIC) }

    private static func read(_ clock: clockid_t) -> UInt64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
    }
}
