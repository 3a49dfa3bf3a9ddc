// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

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

    /// RFC 3339 in UTC with milliseconds, such as `2026-11-21T09:30:00.125Z`; clamped to the years 0 to 9999.
    public var description: String {
        // Whole numbers all the way: Foundation's formatter goes through a Double and cuts, which shows half of all moments a
        // millisecond early.
        let bounded = min(max(milliseconds, -62_167_219_200_000), 253_402_300_799_999)
        let (days, time) = Self.divide(bounded, by: 86_400_000)
        let (year, month, day) = Self.civil(days)
        let seconds = time / 1000
        return "\(Self.padded(year, 4))-\(Self.padded(month, 2))-\(Self.padded(day, 2))T"
            + "\(Self.padded(seconds / 3600, 2)):\(Self.padded(seconds / 60 % 60, 2)):\(Self.padded(seconds % 60, 2))"
            + ".\(Self.padded(time % 1000, 3))Z"
    }

    /// The date of a day counted from 1970-01-01, in the Gregorian calendar (Howard Hinnant, "chrono-Compatible Low-Level
    /// Date Algorithms": years begin in March, so that the leap day is their last).
    private static func civil(_ days: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let (era, dayOfEra) = divide(days + 719_468, by: 146_097)
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shifted = (5 * dayOfYear + 2) / 153
        let month = shifted < 10 ? shifted + 3 : shifted - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * shifted + 2) / 5 + 1)
    }

    /// Rounds down, so that the remainder is never negative.
    private static func divide(_ value: Int64, by divisor: Int64) -> (quotient: Int64, remainder: Int64) {
        let remainder = (value % divisor + divisor) % divisor
        return ((value - remainder) / divisor, remainder)
    }

    /// Its milliseconds in thirteen digits, as records have them.
    package var stamp: String { Self.padded(max(0, min(milliseconds, 9_999_999_999_999)), 13) }

    private static func padded(_ value: Int64, _ width: Int) -> String {
        let digits = String(value)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
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
        // Not subtracted as they are: a record that was damaged may hold any two moments.
        .milliseconds(later.milliseconds) - .milliseconds(earlier.milliseconds)
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
    package static func minutes(_ minutes: Int64) -> Duration { .seconds(minutes * 60) }

    /// `hours` times 3600 seconds.
    package static func hours(_ hours: Int64) -> Duration { .seconds(hours * 3600) }
}

/// Durations as people write them in flags, environment variables and files: `500ms`, `2s`, `10m`, `1h`, `7d`, and sums
/// such as `1h30m`.
package enum DurationText {
    private static let units: [(name: String, milliseconds: Int64)] = [
        ("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000),
    ]

    /// Reads a duration.
    ///
    /// - Parameter text: one or more whole or decimal numbers, each with a unit of `ms`, `s`, `m`, `h` or `d`.
    /// - Returns: the sum in milliseconds; nil where the text is empty, has no unit, is negative, or exceeds 100 years.
    package static func parse(_ text: String) -> Duration? {
        var rest = Substring(text)
        var total = 0.0
        guard !rest.isEmpty else { return nil }
        while !rest.isEmpty {
            let number = rest.prefix { ("0"..."9").contains($0) || $0 == "." }
            rest = rest.dropFirst(number.count)
            let name = rest.prefix { ("a"..."z").contains($0) }
            rest = rest.dropFirst(name.count)
            guard let value = Double(number), let unit = units.first(where: { $0.name == name }) else { return nil }
            total += value * Double(unit.milliseconds)
        }
        guard total <= 100 * 365 * 86_400_000 else { return nil }
        return .milliseconds(Int64(total.rounded()))
    }

    /// Writes a duration in the largest unit that divides it: `90s`, `2h`, `1500ms`.
    package static func format(_ duration: Duration) -> String {
        let milliseconds = duration.milliseconds
        guard milliseconds != 0 else { return "0s" }
        let unit = units.last { milliseconds % $0.milliseconds == 0 } ?? units[0]
        return "\(milliseconds / unit.milliseconds)\(unit.name)"
    }
}
