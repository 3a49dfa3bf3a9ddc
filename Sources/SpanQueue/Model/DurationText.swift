/// Durations as people write them in flags, environment variables and files: `500ms`, `2s`, `10m`, `1h`, `7d`, and sums
/// such as `1h30m`.
public enum DurationText {
    private static let units: [(name: String, milliseconds: Int64)] = [
        ("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000),
    ]

    /// Reads a duration.
    ///
    /// - Parameter text: one or more whole or decimal numbers, each with a unit of `ms`, `s`, `m`, `h` or `d`.
    /// - Returns: the sum in milliseconds; nil where the text is empty, has no unit, is negative, or exceeds 100 years.
    public static func parse(_ text: String) -> Duration? {
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
    public static func format(_ duration: Duration) -> String {
        let milliseconds = duration.milliseconds
        guard milliseconds != 0 else { return "0s" }
        let unit = units.last { milliseconds % $0.milliseconds == 0 } ?? units[0]
        return "\(milliseconds / unit.milliseconds)\(unit.name)"
    }
}
