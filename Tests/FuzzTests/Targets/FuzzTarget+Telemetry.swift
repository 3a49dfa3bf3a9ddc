@testable import SpanQueueTelemetry

extension FuzzTarget {
    /// What a collector answers, in the body and with `Retry-After`.
    static let collectorAnswers = FuzzTarget(
        "collector-answers",
        seeds: [
            #"{"partialSuccess":{"rejectedSpans":"3","errorMessage":"full"}}"#, "{}", #"{"partialSuccess":null}"#,
            #"{"partialSuccess":{"rejectedDataPoints":9223372036854775807}}"#,
            #"{"partialSuccess":{"rejectedLogRecords":-1e99}}"#, #"{"partialSuccess":{"rejectedSpans":[[[["#,
        ]
    ) { input in
        for signal in OTLPSignal.allCases {
            let rejected = PartialSuccess.rejected(in: input, of: signal)
            precondition(rejected >= 0)
            // As the exporter counts it.
            precondition((0...512).contains(min(rejected, 512)))
        }
        var retry = ExportRetry()
        let number = input.prefix(8).reduce(0) { $0 << 8 | Int64($1) }
        let status = Int(input.first ?? 0) * 3
        _ = retry.verdict(
            on: .status(status, retryAfter: .seconds(number)), random: Double(input.last ?? 0) / 255)
    }

    /// Labels and help, escaped. They read back, and stay on their line.
    static let exposition = FuzzTarget(
        "exposition", seeds: ["plain", "a\\b\"c\nd", "\\n\\\\\"", "é😀\u{0}\r\n\t", "{},=# "]
    ) { input in
        let text = String(decoding: input, as: UTF8.self)
        var label: [UInt8] = []
        LabelEscaping.append(text, to: &label)
        precondition(unescaped(label) == Array(text.utf8), "a label does not read back")
        for escapingQuotes in [false, true] {
            var help: [UInt8] = []
            LabelEscaping.appendHelp(text, escapingQuotes: escapingQuotes, to: &help)
            precondition(
                unescaped(help, quotesMayBeBare: !escapingQuotes) == Array(text.utf8), "a help does not read back")
        }
    }

    /// The reader's side; nil at a line feed, a bare quote, or an escape that the formats do not define.
    private static func unescaped(_ bytes: [UInt8], quotesMayBeBare: Bool = false) -> [UInt8]? {
        var text: [UInt8] = []
        var rest = bytes[...]
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "\n"): return nil
            case UInt8(ascii: "\"") where !quotesMayBeBare: return nil
            case UInt8(ascii: "\\"):
                switch rest.popFirst() {
                case UInt8(ascii: "\\"): text.append(UInt8(ascii: "\\"))
                case UInt8(ascii: "\""): text.append(UInt8(ascii: "\""))
                case UInt8(ascii: "n"): text.append(UInt8(ascii: "\n"))
                default: return nil
                }
            default: text.append(byte)
            }
        }
        return text
    }

    /// `Accept` and `Accept-Encoding`, as any scraper may send them.
    static let acceptHeaders = FuzzTarget(
        "accept-headers",
        seeds: [
            "application/openmetrics-text;version=1.0.0;q=0.8,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
            "gzip;q=0, identity", "a;b=\"c,d;e\";q=1.000,;;,=", "text/*;q=0.999", "\"",
        ]
    ) { input in
        let header = String(decoding: input, as: UTF8.self)
        for element in HeaderList.parse(header) { precondition((0...1000).contains(element.weight)) }
        _ = ExpositionFormat.negotiated(accept: header)
        _ = ContentCoding.negotiated(acceptEncoding: header)
    }
}
