// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

/// The label names and values of one series, with the text that both exposition formats print for them.
///
/// The text is made once, when the series is, because a scrape of ten thousand series has no time to escape each again.
package struct MetricLabels: Sendable {
    /// No labels.
    package static let none = MetricLabels([])

    /// Names and values, in the order of the family's label names.
    package let pairs: [MetricLabel]
    /// `a="1",b="2"` with values escaped; empty without labels.
    let rendered: [UInt8]

    /// Makes labels of names and values, in the order given.
    package init(_ pairs: [MetricLabel]) {
        self.pairs = pairs
        var bytes: [UInt8] = []
        for pair in pairs {
            if !bytes.isEmpty { bytes.append(UInt8(ascii: ",")) }
            bytes.append(contentsOf: pair.name.utf8)
            bytes.append(contentsOf: [UInt8(ascii: "="), UInt8(ascii: "\"")])
            LabelEscaping.append(pair.value, to: &bytes)
            bytes.append(UInt8(ascii: "\""))
        }
        rendered = bytes
    }
}

extension MetricLabels: Hashable {
    /// Two sets of labels are equal where their names and values are, in the same order.
    package static func == (left: MetricLabels, right: MetricLabels) -> Bool { left.pairs == right.pairs }

    /// Feeds names and values.
    package func hash(into hasher: inout Hasher) { hasher.combine(pairs) }
}

extension MetricLabels: Comparable {
    /// The order of values, name by name: that of the points of a family.
    package static func < (left: MetricLabels, right: MetricLabels) -> Bool {
        left.pairs.lexicographicallyPrecedes(right.pairs)
    }
}

/// A label's name and its value.
package struct MetricLabel: Sendable, Hashable, Comparable {
    /// The name on /metrics, `[a-zA-Z_][a-zA-Z0-9_]*`.
    package let name: String
    /// The attribute's key in OTLP: `name` unless the definition says another, such as `messaging.destination.name`.
    package let attributeName: String
    /// The value, any text; an empty one means the same as no label to Prometheus.
    package let value: String

    /// Makes a label.
    package init(_ name: String, _ value: String, attributeName: String? = nil) {
        self.name = name
        self.attributeName = attributeName ?? name
        self.value = value
    }

    /// The order of names, then of values, by their bytes.
    package static func < (left: MetricLabel, right: MetricLabel) -> Bool {
        if left.name != right.name { return left.name.utf8.lexicographicallyPrecedes(right.name.utf8) }
        return left.value.utf8.lexicographicallyPrecedes(right.value.utf8)
    }
}

/// The name of a family's label; a string literal will do.
package struct MetricLabelName: Sendable, Hashable, ExpressibleByStringLiteral {
    /// The name on /metrics.
    package let name: String
    /// The attribute's key in OTLP.
    package let attributeName: String

    /// Makes a label's name; `attributeName` where OTLP calls it something else (`messaging.destination.name`).
    package init(_ name: String, attributeName: String? = nil) {
        self.name = name
        self.attributeName = attributeName ?? name
    }

    /// Makes a label's name that OTLP uses as well.
    package init(stringLiteral value: String) {
        self.init(value)
    }

    /// Names that the formats, or Prometheus itself, use for something else.
    private static let reserved: Set<String> = ["le", "quantile"]

    /// Checks the names of one family's labels, which must be well formed, not reserved and each there once.
    static func check(_ labels: [MetricLabelName], of family: String) throws(MetricsError) {
        var seen: Set<String> = []
        for label in labels {
            guard MetricNaming.isLabelName(label.name) else {
                throw MetricsError(.invalidLabelName, family, "'\(label.name)' does not match [a-zA-Z_][a-zA-Z0-9_]*")
            }
            guard !reserved.contains(label.name), !label.name.hasPrefix("__") else {
                throw MetricsError(.reservedLabelName, family, "'\(label.name)' is reserved; choose another label name")
            }
            guard seen.insert(label.name).inserted else {
                throw MetricsError(.duplicateLabelName, family, "'\(label.name)' is there twice")
            }
        }
    }
}

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
