/// The label names and values of one series, with the text that both exposition formats print for them.
///
/// The text is made once, when the series is, because a scrape of ten thousand series has no time to escape each again.
public struct MetricLabels: Sendable {
    /// No labels.
    public static let none = MetricLabels([])

    /// Names and values, in the order of the family's label names.
    public let pairs: [MetricLabel]
    /// `a="1",b="2"` with values escaped; empty without labels.
    let rendered: [UInt8]

    /// Makes labels of names and values, in the order given.
    public init(_ pairs: [MetricLabel]) {
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
    public static func == (left: MetricLabels, right: MetricLabels) -> Bool { left.pairs == right.pairs }

    /// Feeds names and values.
    public func hash(into hasher: inout Hasher) { hasher.combine(pairs) }
}

extension MetricLabels: Comparable {
    /// The order of values, name by name: that of the points of a family.
    public static func < (left: MetricLabels, right: MetricLabels) -> Bool {
        left.pairs.lexicographicallyPrecedes(right.pairs)
    }
}
