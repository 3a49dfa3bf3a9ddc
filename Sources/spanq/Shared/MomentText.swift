import SpanQueue

/// Moments as RFC 3339 writes them: `2026-11-21T09:30:00Z`, `2026-11-21 09:30:00.125+01:00`.
enum MomentText {
    /// Reads a moment, to the millisecond; nil where a field is missing or out of its range. A leap second counts as the next one.
    static func parse(_ text: String) -> Timestamp? {
        let form = /(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:[Zz]|([+-])(\d\d):(\d\d))/
        guard let match = text.wholeMatch(of: form),
            let year = Int64(match.1), let month = Int64(match.2), let day = Int64(match.3),
            let hour = Int64(match.4), let minute = Int64(match.5), let second = Int64(match.6),
            (1...12).contains(month), (1...days(in: month, of: year)).contains(day),
            hour < 24, minute < 60, second <= 60
        else { return nil }
        let fraction = (match.7.map(String.init) ?? "") + "000"
        let offsetHours = match.9.flatMap { Int64($0) } ?? 0
        let offsetMinutes = match.10.flatMap { Int64($0) } ?? 0
        guard let milliseconds = Int64(fraction.prefix(3)), offsetHours < 24, offsetMinutes < 60 else { return nil }
        let offset = (offsetHours * 60 + offsetMinutes) * (match.8 == "-" ? -1 : 1)
        let seconds = ((daysSince1970(year, month, day) * 24 + hour) * 60 + minute - offset) * 60 + second
        return Timestamp(milliseconds: seconds * 1000 + milliseconds)
    }

    private static func isLeap(_ year: Int64) -> Bool { year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) }

    private static func days(in month: Int64, of year: Int64) -> Int64 {
        month == 2 ? (isLeap(year) ? 29 : 28) : [4, 6, 9, 11].contains(month) ? 30 : 31
    }

    private static func daysSince1970(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        // One era of 400 years later and back again: in the year 0 the divisions would round the wrong way.
        let before = year - 1 + 400
        let yearDays = before * 365 + before / 4 - before / 100 + before / 400 - 146_097
        let monthDays = (1..<month).reduce(0) { $0 + days(in: $1, of: year) }
        return yearDays + monthDays + day - 719_163
    }
}
