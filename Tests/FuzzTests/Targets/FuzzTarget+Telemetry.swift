// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

@testable import SpanQueueOTLP
@testable import SpanQueueServer
@testable import SpanQueueTelemetry

extension FuzzTarget {
    /// What a collector answers, in the body and with `Retry-After`.
    static let collectorAnswers = FuzzTarget(
        "collector-answers",
        seeds: [
            #"{"partialSuccess":{"rejectedSpans":"3","errorMessage":"full"}}"#, "{}", #"{"partialSuccess":null}"#,
            #"{"partialSuccess":{"rejectedDataPoints":9223372036854775807}}"#,
            #"{"partialSuccess":{"rejectedLogRecords":-1e99}}"#, #"{"partialSuccess":{"rejectedSpans":[[[["#,
            "\u{0A}\u{0B}\u{08}\u{03}\u{12}\u{07}no room", "\u{08}\u{10}\u{12}\u{09}bad token", "no\r\n\u{1B}[31m",
        ]
    ) { input in
        for signal in OTLPSignal.allCases {
            for type in ["application/json", "application/x-protobuf", "text/plain", nil] {
                for status in [200, 401] {
                    let answer = CollectorAnswer(input, contentType: type, status: status, of: signal)
                    precondition(answer.rejected >= 0)
                    // One bounded line.
                    let scalars = answer.message?.unicodeScalars.map(\.value) ?? []
                    precondition(scalars.count <= CollectorAnswer.maximumMessageLength + 1)
                    precondition(!scalars.contains { $0 < 0x20 || (0x7F...0x9F).contains($0) || $0 == 0x2028 })
                }
            }
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
