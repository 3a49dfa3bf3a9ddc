// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import SpanQueue
import SpanQueueCommand
import SpanQueueOTLP
import SpanQueueTelemetry

/// A job's spans as an OTLP/JSON document, which can be posted to a collector's `/v1/traces`.
enum TraceDocument {
    static func encode(_ trace: JobTrace) -> String {
        String(decoding: OTLPJSONEncoding().encode(trace.spans, resource: resource), as: UTF8.self)
    }

    /// Nothing of this process: the document of a finished job is the same whenever it is made.
    private static var resource: TelemetryResource {
        let name = ProcessInfo.processInfo.environment["OTEL_SERVICE_NAME"].flatMap { $0.isEmpty ? nil : $0 }
        return TelemetryResource(attributes: [
            "service.name": .string(name ?? "spanq"), "telemetry.sdk.name": "spanqueue",
            "telemetry.sdk.language": "swift", "telemetry.sdk.version": .string(SpanQueueVersion.text),
        ])
    }
}

/// Where a tracing backend shows the trace: `SPANQ_TRACE_URL` with the id in the place of `{trace_id}`.
enum TraceLink {
    static let place = "{trace_id}"

    static func make(_ template: String, _ traceID: TraceID) -> String? {
        guard template.contains(place) else { return nil }
        return Masking.redact(template.replacing(place, with: traceID.description))
    }
}

extension SettingsReader {
    /// Reads the template of links to a tracing backend; nil for none.
    mutating func traceURL() throws -> String? {
        try value(.traceURL, default: nil, shown: { $0.map(Masking.url) ?? "none" }) { values throws(SettingProblem) in
            let template = values.joined(separator: ",")
            guard template.contains(TraceLink.place) else {
                throw SettingProblem(
                    "it has no \(TraceLink.place): write it as http://localhost:16686/trace/\(TraceLink.place)")
            }
            return template
        }
    }
}
