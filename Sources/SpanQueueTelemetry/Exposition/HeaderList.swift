/// A header that is a list of values with parameters and weights: `Accept`, `Accept-Encoding` (RFC 9110, section 12.4).
package enum HeaderList {
    package struct Element {
        /// In lower case.
        package var value: String
        /// Names in lower case; without `q`.
        package var parameters: [String: String] = [:]
        /// `q` in thousandths.
        package var weight = 1_000
    }

    /// The elements in their order. One with a malformed weight is left out: what was meant cannot be known.
    package static func parse(_ header: String) -> [Element] {
        split(header, at: ",").compactMap { element(split($0, at: ";").map(trimmed)) }
    }

    private static func element(_ parts: [String]) -> Element? {
        guard let value = parts.first, !value.isEmpty else { return nil }
        var element = Element(value: value.lowercased())
        for part in parts.dropFirst() {
            let pair = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                .map { trimmed(String($0)) }
            guard pair.count == 2 else { continue }
            let name = pair[0].lowercased()
            if name == "q" {
                guard let weight = weight(pair[1]) else { return nil }
                element.weight = weight
            } else {
                let isQuoted = pair[1].count >= 2 && pair[1].hasPrefix("\"") && pair[1].hasSuffix("\"")
                element.parameters[name] = isQuoted ? String(pair[1].dropFirst().dropLast()) : pair[1]
            }
        }
        return element
    }

    /// `0`, `0.5`, `0.123`, `1`, `1.000`: at most three decimals, at most 1.
    private static func weight(_ text: String) -> Int? {
        let digits = Array(text.utf8)
        guard let first = digits.first, first == UInt8(ascii: "0") || first == UInt8(ascii: "1") else { return nil }
        var weight = Int(first - UInt8(ascii: "0")) * 1_000
        guard digits.count > 1 else { return weight }
        guard digits[1] == UInt8(ascii: "."), digits.count <= 5 else { return nil }
        var place = 100
        for digit in digits.dropFirst(2) {
            guard digit >= UInt8(ascii: "0"), digit <= UInt8(ascii: "9") else { return nil }
            weight += Int(digit - UInt8(ascii: "0")) * place
            place /= 10
        }
        return weight <= 1_000 ? weight : nil
    }

    /// The parts between separators that stand outside double quotes.
    private static func split(_ text: String, at separator: Character) -> [String] {
        var parts = [""]
        var isQuoted = false
        for character in text {
            if character == "\"" { isQuoted.toggle() }
            if character == separator && !isQuoted {
                parts.append("")
            } else {
                parts[parts.count - 1].append(character)
            }
        }
        return parts
    }

    private static func trimmed(_ text: String) -> String {
        let isSpace = { (character: Character) in character == " " || character == "\t" }
        return String(text.drop(while: isSpace).reversed().drop(while: isSpace).reversed())
    }
}
