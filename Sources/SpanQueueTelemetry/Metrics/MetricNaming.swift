/// The names of the Prometheus data model: what is one, and how to make one of any text.
enum MetricNaming {
    /// `[a-zA-Z_:][a-zA-Z0-9_:]*`
    static func isMetricName(_ name: String) -> Bool {
        isName(name) { isLetter($0) || $0 == UInt8(ascii: ":") }
    }

    /// `[a-zA-Z_][a-zA-Z0-9_]*`
    static func isLabelName(_ name: String) -> Bool {
        isName(name, isLetter)
    }

    /// The metric name for any text, always the same one: each character that cannot stand in a name becomes `_`, a
    /// leading digit gets a `_` before it, and no text at all becomes `_`.
    static func metricName(for text: String) -> String {
        name(for: text) { isLetter($0) || $0 == UInt8(ascii: ":") }
    }

    /// The label name for any text, in the same way; a reserved one (`le`, `quantile`, `__…`) gets `label_` before it.
    static func labelName(for text: String) -> String {
        let name = name(for: text, isLetter)
        return name.hasPrefix("__") || name == "le" || name == "quantile" ? "label_" + name : name
    }

    private static func isName(_ name: String, _ isStart: (UInt8) -> Bool) -> Bool {
        guard let first = name.utf8.first, isStart(first) else { return false }
        return name.utf8.allSatisfy { isStart($0) || isDigit($0) }
    }

    private static func name(for text: String, _ isStart: (UInt8) -> Bool) -> String {
        var bytes: [UInt8] = []
        for scalar in text.unicodeScalars {
            let byte = scalar.isASCII ? UInt8(scalar.value) : 0
            if isDigit(byte) && bytes.isEmpty { bytes.append(UInt8(ascii: "_")) }
            bytes.append(isStart(byte) || isDigit(byte) ? byte : UInt8(ascii: "_"))
        }
        return bytes.isEmpty ? "_" : String(decoding: bytes, as: UTF8.self)
    }

    private static func isLetter(_ byte: UInt8) -> Bool {
        (byte | 0x20) >= UInt8(ascii: "a") && (byte | 0x20) <= UInt8(ascii: "z") || byte == UInt8(ascii: "_")
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")
    }
}
