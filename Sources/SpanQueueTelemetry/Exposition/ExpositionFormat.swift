// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

internal import Synchronization

/// A format in which /metrics can answer.
package enum ExpositionFormat: Sendable, Hashable, CaseIterable {
    /// Prometheus text 0.0.4: what every reader understands.
    case text
    /// OpenMetrics 1.0: with units and exemplars.
    case openMetrics

    /// The `Content-Type` of a page in this format.
    package var contentType: String {
        switch self {
        case .text: "text/plain; version=0.0.4; charset=utf-8"
        case .openMetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8"
        }
    }

    /// The format that an `Accept` header prefers by its q-values (RFC 9110, section 12.5.1); text where it names none of
    /// the two, or is missing.
    ///
    /// For each format the most specific range that matches decides. Of two formats with the same weight, the one that was
    /// named beats the one that a wildcard let in; of two that were named OpenMetrics wins, which says more.
    package static func negotiated(accept: String?) -> ExpositionFormat {
        let ranges = HeaderList.parse(accept ?? "")
        let openMetrics = match(ranges, type: "application", subtype: "openmetrics-text", version: "1.0.0")
        let text = match(ranges, type: "text", subtype: "plain", version: "0.0.4")
        guard openMetrics.weight > 0 else { return .text }
        if openMetrics.weight != text.weight { return openMetrics.weight > text.weight ? .openMetrics : .text }
        if openMetrics.specificity != text.specificity {
            return openMetrics.specificity > text.specificity ? .openMetrics : .text
        }
        return openMetrics.specificity < 2 ? .text : .openMetrics
    }

    /// How much a media type is wanted (0 to 1,000), and by how specific a range: 0 `*/*`, 1 `type/*`, 2 the type, 3 with its
    /// version.
    private static func match(
        _ ranges: [HeaderList.Element], type: String, subtype: String, version: String
    ) -> (weight: Int, specificity: Int) {
        var best = (weight: 0, specificity: -1)
        for range in ranges {
            let wanted = range.parameters["version"]
            guard wanted == nil || wanted == version else { continue }
            let specificity: Int
            switch range.value {
            case "*/*": specificity = 0
            case "\(type)/*": specificity = 1
            case "\(type)/\(subtype)": specificity = wanted == nil ? 2 : 3
            default: continue
            }
            // Of equally specific ranges the kindest counts.
            if specificity > best.specificity || specificity == best.specificity && range.weight > best.weight {
                best = (range.weight, specificity)
            }
        }
        return best
    }
}

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

/// The answer to one request for /metrics: what an HTTP server has to send.
public struct MetricsPage: Sendable, Hashable {
    /// The body.
    public var bytes: [UInt8]
    /// The `Content-Type` header.
    public var contentType: String

    /// The `Vary` header, without which a cache could give one reader's format to another. A server that compresses adds
    /// `Accept-Encoding`.
    public static let vary = "Accept"
}

extension MetricsRegistry {
    /// Runs the collectors and writes the page that a request asks for.
    ///
    /// - Parameters:
    ///   - accept: the request's header as it came, joined with `, ` where there were several; nil where there was none.
    ///   - executor: where the collectors run; the global executor unless given.
    public func page(accept: String? = nil, on executor: (any TaskExecutor)? = nil) async -> MetricsPage {
        let snapshot = await collect(on: executor)
        let format = ExpositionFormat.negotiated(accept: accept)
        // A page is about as long as the one before it, and growing to that by doubling would copy it several times.
        var writer = ExpositionWriter(capacity: lastPageBytes.load(ordering: .relaxed) * 9 / 8)
        writer.write(snapshot, as: format)
        lastPageBytes.store(writer.bytes.count, ordering: .relaxed)
        return MetricsPage(bytes: writer.bytes, contentType: format.contentType)
    }
}
