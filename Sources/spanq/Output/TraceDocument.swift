import Foundation
import SpanQueue
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
