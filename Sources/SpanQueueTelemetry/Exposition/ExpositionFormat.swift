/// A format in which /metrics can answer.
public enum ExpositionFormat: Sendable, Hashable, CaseIterable {
    /// Prometheus text 0.0.4: what every reader understands.
    case text
    /// OpenMetrics 1.0: with units and exemplars.
    case openMetrics

    /// The `Content-Type` of a page in this format.
    public var contentType: String {
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
    public static func negotiated(accept: String?) -> ExpositionFormat {
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
