// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Testing

@testable import SpanQueueOTLP
@testable import SpanQueueTelemetry

@Suite("OTLP/JSON by the official definitions", .enabled(if: OTLPCheck.python != nil, "needs PyPI opentelemetry-proto"))
struct OTLPEncodingTests {
    @Test("spans with everything, with nothing, and none at all")
    func spans() throws {
        let spans = [Samples.fullSpan, Samples.smallSpan, Samples.typicalSpan]
        #expect(try OTLPCheck.problem("traces", OTLPJSONEncoding().encode(spans, resource: Samples.resource)) == nil)
    }

    @Test("log records in every severity, inside and outside a trace")
    func logs() throws {
        let records = LogRecordData.Severity.allCases.map {
            LogRecordData(
                $0, Samples.hostileText, attributes: Samples.everyValue, droppedAttributes: 1, context: Samples.root)
        }
        let bare = LogRecordData(.info, "")
        #expect(
            try OTLPCheck.problem("logs", OTLPJSONEncoding().encode(records + [bare], resource: Samples.resource))
                == nil)
    }

    @Test("metrics of every kind, with exemplars, empty families and labels exported under one name")
    func metrics() throws {
        #expect(
            try OTLPCheck.problem("metrics", OTLPJSONEncoding().encode(Samples.snapshot, resource: Samples.resource))
                == nil)
    }

    @Test("a resource without attributes")
    func emptyResource() throws {
        let bytes = OTLPJSONEncoding().encode([Samples.smallSpan], resource: TelemetryResource(attributes: [:]))
        #expect(try OTLPCheck.problem("traces", bytes) == nil)
    }

    @Test("a resource gives, takes and drops attributes that are texts")
    func resourceTexts() {
        var resource = Samples.resource
        #expect(resource["service.name"] == "tests" && resource["process.pid"] == nil && resource["other"] == nil)
        resource["service.namespace"] = "shop"
        resource["service.name"] = nil
        #expect(resource.attributes == ["process.pid": 7, "service.namespace": "shop"])
    }
}
