/// How text 0.0.4 and OpenMetrics 1.0 write text that may hold any character.
enum LabelEscaping {
    /// A label's value: `\`, `"` and line feed are escaped, the same in both formats.
    static func append(_ value: String, to bytes: inout [UInt8]) {
        for byte in value.utf8 {
            switch byte {
            case UInt8(ascii: "\\"), UInt8(ascii: "\""): bytes.append(contentsOf: [UInt8(ascii: "\\"), byte])
            case UInt8(ascii: "\n"): bytes.append(contentsOf: [UInt8(ascii: "\\"), UInt8(ascii: "n")])
            default: bytes.append(byte)
            }
        }
    }

    /// The text of a HELP line: OpenMetrics escapes the double quote in it too, text 0.0.4 does not.
    static func appendHelp(_ help: String, escapingQuotes: Bool, to bytes: inout [UInt8]) {
        for byte in help.utf8 {
            switch byte {
            case UInt8(ascii: "\\"): bytes.append(contentsOf: [byte, byte])
            case UInt8(ascii: "\""): bytes.append(contentsOf: escapingQuotes ? [UInt8(ascii: "\\"), byte] : [byte])
            case UInt8(ascii: "\n"): bytes.append(contentsOf: [UInt8(ascii: "\\"), UInt8(ascii: "n")])
            default: bytes.append(byte)
            }
        }
    }
}
