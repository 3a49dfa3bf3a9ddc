/// Numbers as both formats write them.
enum ExpositionNumber {
    /// A whole number, in digits.
    static func append(_ value: UInt64, to bytes: inout [UInt8]) {
        if value < 10 { return bytes.append(UInt8(ascii: "0") + UInt8(value)) }
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 20) { digits in
            var position = 20
            var rest = value
            while rest > 0 {
                position -= 1
                digits[position] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
                rest /= 10
            }
            bytes.append(contentsOf: digits[position..<20])
        }
    }

    /// A whole number, with its sign.
    static func append(_ value: Int64, to bytes: inout [UInt8]) {
        if value < 0 { bytes.append(UInt8(ascii: "-")) }
        append(value.magnitude, to: &bytes)
    }

    /// The shortest text that reads back as the same number; whole numbers without a point; `NaN`, `+Inf`, `-Inf`.
    static func append(_ value: Double, to bytes: inout [UInt8]) {
        if let whole = Int64(exactly: value), whole.magnitude < 1_000_000_000_000_000 {
            append(whole, to: &bytes)
        } else if value.isNaN {
            bytes.append(contentsOf: "NaN".utf8)
        } else if value.isInfinite {
            bytes.append(contentsOf: (value < 0 ? "-Inf" : "+Inf").utf8)
        } else {
            bytes.append(contentsOf: value.description.utf8)
        }
    }

    /// A bound as OpenMetrics wants `le` (section "Considerations: Canonical Numbers"), so that the same bound is the
    /// same label in both formats and from every library: shortest digits, always a point or an exponent, the latter
    /// below 0.0001 and from a million on. `1.0`, `0.005`, `5e-05`, `1e+06`, `+Inf`.
    static func canonicalBound(_ bound: Double) -> String {
        if bound == .infinity { return "+Inf" }
        if bound == 0 { return "0.0" }
        // Swift's text has the shortest digits but changes to an exponent elsewhere, so only the digits are taken from it.
        let text = bound.magnitude.description
        let parts = text.split(separator: "e", maxSplits: 1)
        let mantissa = parts[0].split(separator: ".", omittingEmptySubsequences: false)
        let whole = mantissa[0]
        var digits = String(whole + (mantissa.count > 1 ? mantissa[1] : ""))
        var pointPosition = whole.count + (parts.count > 1 ? Int(parts[1]) ?? 0 : 0)
        while digits.hasPrefix("0") {
            digits.removeFirst()
            pointPosition -= 1
        }
        while digits.hasSuffix("0") { digits.removeLast() }
        return (bound < 0 ? "-" : "") + place(digits, pointPosition)
    }

    /// 0.`digits` × 10^`pointPosition`, as Go's `%g` writes it, with `.0` where that has neither point nor exponent.
    private static func place(_ digits: String, _ pointPosition: Int) -> String {
        let exponent = pointPosition - 1
        if exponent < -4 || exponent >= 6 {
            let size = String(exponent.magnitude)
            let fraction = digits.count > 1 ? "." + digits.dropFirst() : ""
            return "\(digits.prefix(1))\(fraction)e\(exponent < 0 ? "-" : "+")\(size.count < 2 ? "0" : "")\(size)"
        }
        if pointPosition <= 0 { return "0." + String(repeating: "0", count: -pointPosition) + digits }
        if digits.count <= pointPosition {
            return digits + String(repeating: "0", count: pointPosition - digits.count) + ".0"
        }
        return "\(digits.prefix(pointPosition)).\(digits.dropFirst(pointPosition))"
    }
}
