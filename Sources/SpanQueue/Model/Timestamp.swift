public import Foundation

/// A moment in milliseconds since 1970, as the engine's clock tells it.
///
/// For the Redis engine that clock is the server's `TIME`: two timestamps of one job can be subtracted, whatever the
/// clocks of the workers say.
public struct Timestamp: Sendable, Hashable, Comparable, Codable, CustomStringConvertible {
    /// Milliseconds since 1970-01-01T00:00:00Z.
    public var milliseconds: Int64

    /// The moment `milliseconds` after 1970-01-01T00:00:00Z.
    public init(milliseconds: Int64) {
        self.milliseconds = milliseconds
    }

    /// The moment nearest to a `Date`, clamped to the years 1 to 9999.
    public init(_ date: Date) {
        let bounds = -62_135_596_800_000.0...253_402_300_799_999.0
        let value = (date.timeIntervalSince1970 * 1000).rounded()
        self.milliseconds = Int64(min(max(value.isNaN ? 0 : value, bounds.lowerBound), bounds.upperBound))
    }

    /// The same moment as a `Date`.
    public var date: Date { Date(timeIntervalSince1970: Double(milliseconds) / 1000) }

    /// RFC 3339 in UTC with milliseconds, such as `2026-11-21T09:30:00.125Z`.
    public var description: String {
        date.formatted(.iso8601.year().month().day().time(includingFractionalSeconds: true))
    }

    /// Earlier is less.
    public static func < (left: Timestamp, right: Timestamp) -> Bool { left.milliseconds < right.milliseconds }

    /// The moment `duration` later, to the millisecond, saturating.
    public static func + (moment: Timestamp, duration: Duration) -> Timestamp {
        let (sum, overflow) = moment.milliseconds.addingReportingOverflow(duration.milliseconds)
        return Timestamp(milliseconds: overflow ? (duration < .zero ? .min : .max) : sum)
    }

    /// The time from `earlier` to `later`; negative where they are the other way round.
    public static func - (later: Timestamp, earlier: Timestamp) -> Duration {
        .milliseconds(later.milliseconds - earlier.milliseconds)
    }
}

extension Duration {
    /// Whole milliseconds, rounded towards zero, saturating.
    package var milliseconds: Int64 {
        let (seconds, attoseconds) = components
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1000)
        return overflow ? (seconds < 0 ? .min : .max) : product + attoseconds / 1_000_000_000_000_000
    }

    /// Seconds as a floating-point number, for logs and metrics.
    package var inSeconds: Double {
        Double(components.seconds) + Double(components.attoseconds) * 1e-18
    }

    /// `minutes` times sixty seconds.
    public static func minutes(_ minutes: Int64) -> Duration { .seconds(minutes * 60) }

    /// `hours` times 3600 seconds.
    public static func hours(_ hours: Int64) -> Duration { .seconds(hours * 3600) }
}
