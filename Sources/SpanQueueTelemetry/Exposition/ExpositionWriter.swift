// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

/// Writes snapshots as pages, straight to bytes. Use one again for the next page and it need not allocate again.
package struct ExpositionWriter: Sendable {
    /// The page.
    package private(set) var bytes: [UInt8] = []
    /// Whether OpenMetrics pages tell since when each counter has counted (`_created`). Off by default, since Prometheus
    /// before version 3 stores these as more series.
    package var includesCreated = false

    var format = ExpositionFormat.text
    private var bounds: [Double] = []
    private var boundLabels: [[UInt8]] = []

    /// A writer with nothing written, with room for a page of so many bytes.
    package init(capacity: Int = 0) {
        bytes.reserveCapacity(capacity)
    }

    /// Replaces the page by that of `snapshot`. Families without points are left out.
    package mutating func write(_ snapshot: MetricsSnapshot, as format: ExpositionFormat) {
        self.format = format
        bytes.removeAll(keepingCapacity: true)
        for family in snapshot.families where !family.points.isEmpty { write(family) }
        if format == .openMetrics { append("# EOF\n") }
    }

    private mutating func write(_ family: MetricFamilySnapshot) {
        writeHead(of: family)
        let name = Array(family.name.utf8)
        let sampleName = Array(family.sampleName.utf8)
        for point in family.points {
            switch point.value {
            case .histogram(let value): write(value, of: point, name)
            case .integer(let value): write(point, sampleName) { ExpositionNumber.append(value, to: &$0) }
            case .double(let value): write(point, sampleName) { ExpositionNumber.append(value, to: &$0) }
            }
            if includesCreated, format == .openMetrics, family.kind == .counter || family.kind == .histogram {
                writeCreated(of: point, name)
            }
        }
    }

    /// OpenMetrics: TYPE, UNIT, HELP, of the family's name. Text: HELP, TYPE, of the samples' name.
    private mutating func writeHead(of family: MetricFamilySnapshot) {
        switch format {
        case .openMetrics:
            append("# TYPE \(family.name) \(family.kind.openMetricsType)\n")
            if !family.unit.isEmpty { append("# UNIT \(family.name) \(family.unit)\n") }
            append("# HELP \(family.name) ")
            LabelEscaping.appendHelp(family.help, escapingQuotes: true, to: &bytes)
            append("\n")
        case .text:
            append("# HELP \(family.sampleName) ")
            LabelEscaping.appendHelp(family.help, escapingQuotes: false, to: &bytes)
            append("\n# TYPE \(family.sampleName) \(family.kind.textType)\n")
        }
    }

    private mutating func write(_ point: MetricPoint, _ name: [UInt8], value: (inout [UInt8]) -> Void) {
        writeSeries(name, point.labels)
        value(&bytes)
        if let exemplar = point.exemplar { write(exemplar) }
        append("\n")
    }

    private mutating func write(_ value: HistogramValue, of point: MetricPoint, _ name: [UInt8]) {
        prepare(value.bounds)
        let bucketName = name + "_bucket".utf8
        var cumulative: UInt64 = 0
        for (index, count) in value.bucketCounts.enumerated() {
            cumulative &+= count
            writeSeries(bucketName, point.labels, boundLabels[index])
            ExpositionNumber.append(cumulative, to: &bytes)
            if index < value.exemplars.count, let exemplar = value.exemplars[index] { write(exemplar) }
            append("\n")
        }
        writeSeries(name + "_sum".utf8, point.labels)
        ExpositionNumber.append(value.sum, to: &bytes)
        append("\n")
        writeSeries(name + "_count".utf8, point.labels)
        ExpositionNumber.append(cumulative, to: &bytes)
        append("\n")
    }

    private mutating func writeCreated(of point: MetricPoint, _ name: [UInt8]) {
        writeSeries(name + "_created".utf8, point.labels)
        writeSeconds(point.startUnixNanoseconds)
        append("\n")
    }

    /// `name{labels} `, with one more label where the sample has one of its own.
    private mutating func writeSeries(_ name: [UInt8], _ labels: MetricLabels, _ more: [UInt8] = []) {
        bytes.append(contentsOf: name)
        if !labels.rendered.isEmpty || !more.isEmpty {
            bytes.append(UInt8(ascii: "{"))
            bytes.append(contentsOf: labels.rendered)
            if !labels.rendered.isEmpty && !more.isEmpty { bytes.append(UInt8(ascii: ",")) }
            bytes.append(contentsOf: more)
            bytes.append(UInt8(ascii: "}"))
        }
        bytes.append(UInt8(ascii: " "))
    }

    /// Only OpenMetrics has exemplars. Names and values of the labels together are 63 characters; 128 are allowed.
    private mutating func write(_ exemplar: MetricExemplar) {
        guard format == .openMetrics else { return }
        append(" # {trace_id=\"\(exemplar.traceID)\",span_id=\"\(exemplar.spanID)\"} ")
        ExpositionNumber.append(exemplar.value, to: &bytes)
        append(" ")
        writeSeconds(exemplar.timeUnixNanoseconds)
    }

    /// Seconds with three decimals.
    private mutating func writeSeconds(_ nanoseconds: UInt64) {
        let milliseconds = nanoseconds / 1_000_000
        ExpositionNumber.append(milliseconds / 1_000, to: &bytes)
        append(".")
        let fraction = milliseconds % 1_000
        if fraction < 100 { append("0") }
        if fraction < 10 { append("0") }
        ExpositionNumber.append(fraction, to: &bytes)
    }

    /// Makes the `le` labels of these bounds, which the series of a family share.
    private mutating func prepare(_ bounds: [Double]) {
        guard boundLabels.isEmpty || bounds != self.bounds else { return }
        self.bounds = bounds
        boundLabels = (bounds + [.infinity]).map { Array("le=\"\(ExpositionNumber.canonicalBound($0))\"".utf8) }
    }

    @inline(__always)
    private mutating func append(_ text: String) {
        bytes.append(contentsOf: text.utf8)
    }
}

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
