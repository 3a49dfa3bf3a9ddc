// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Testing

@testable import SpanQueueTelemetry

@Suite("Content negotiation")
struct NegotiationTests {
    @Test(
        "q-values decide, not the order",
        arguments: [
            (nil, .text), ("", .text), ("*/*", .text), ("text/html", .text), ("text/plain", .text),
            ("application/openmetrics-text", .openMetrics),
            // Prometheus 2.42, without and with native histograms.
            (
                "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
                    + "text/plain;version=0.0.4;q=0.5,*/*;q=0.1", .openMetrics
            ),
            (
                "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited,"
                    + "application/openmetrics-text;version=1.0.0;q=0.8,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
                .openMetrics
            ),
            ("application/openmetrics-text;q=0.3,text/plain;q=0.4", .text),
            ("text/plain;q=0.4,application/openmetrics-text;q=0.5", .openMetrics),
            ("application/openmetrics-text;q=0,*/*", .text), ("application/openmetrics-text;q=0", .text),
            ("application/openmetrics-text;version=0.0.1", .text),
            ("application/openmetrics-text;version=2.0.0", .text),
            ("application/openmetrics-text; charset=\"utf-8,x\"; version=\"1.0.0\"", .openMetrics),
            ("APPLICATION/OpenMetrics-Text ; Q=0.5 , text/*;q=0.4", .openMetrics),
            ("application/*,text/*;q=0.5", .openMetrics), ("application/*,text/*", .text),
            ("text/plain,application/openmetrics-text", .openMetrics),
            ("*/*,application/openmetrics-text", .openMetrics),
            ("application/openmetrics-text;q=1.5", .text), ("application/openmetrics-text;q=abc", .text),
            ("application/openmetrics-text;q=0.1234", .text), (";;,,=,q=", .text), ("\"", .text),
            ("application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,text/plain;q=0.5", .openMetrics),
        ] as [(String?, ExpositionFormat)])
    func formats(accept: String?, expected: ExpositionFormat) {
        #expect(ExpositionFormat.negotiated(accept: accept) == expected)
    }

    @Test("the page has the type that was asked for")
    func page() async throws {
        let registry = MetricsRegistry()
        _ = try registry.gauge("a", help: "b")
        let page = await registry.page(accept: "application/openmetrics-text")
        #expect(page.contentType == "application/openmetrics-text; version=1.0.0; charset=utf-8")
        let plain = await registry.page()
        #expect(plain.contentType == "text/plain; version=0.0.4; charset=utf-8")
        #expect(String(decoding: plain.bytes, as: UTF8.self).hasPrefix("# HELP a b\n# TYPE a gauge\na 0\n"))
    }
}
