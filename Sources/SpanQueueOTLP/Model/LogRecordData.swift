// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

package import SpanQueueTelemetry

/// A log record, ready to be exported.
package struct LogRecordData: Sendable, Hashable {
    /// When it happened, in nanoseconds since the Unix epoch.
    package var timeNanoseconds: UInt64
    /// How bad it is.
    package var severity: Severity
    /// What is said.
    package var body: String
    /// What is known about it.
    package var attributes: Attributes
    /// How many attributes the limits kept out.
    package var droppedAttributes: Int
    /// The span within which it happened; nil outside any.
    package var context: TraceContext?

    /// Makes a record; it happens now unless a time is given.
    package init(
        _ severity: Severity, _ body: String, attributes: Attributes = Attributes(), droppedAttributes: Int = 0,
        context: TraceContext? = nil, timeNanoseconds: UInt64? = nil
    ) {
        self.timeNanoseconds = timeNanoseconds ?? SystemClock.now()
        self.severity = severity
        self.body = body
        self.attributes = attributes
        self.droppedAttributes = droppedAttributes
        self.context = context
    }
}

extension LogRecordData {
    /// How bad something is. The numbers are those of `SeverityNumber` in opentelemetry-proto, and those that the appendix of the
    /// log data model gives for the levels of swift-log's kind.
    package enum Severity: Int, Sendable, Hashable, CaseIterable {
        /// For following the program step by step.
        case trace = 1
        /// For finding mistakes in the program.
        case debug = 5
        /// The usual course of things.
        case info = 9
        /// Worth knowing, though nothing is wrong.
        case notice = 10
        /// May become an error.
        case warning = 13
        /// Something failed.
        case error = 17
        /// Something failed that the rest depends on.
        case critical = 21

        /// As swift-log writes it.
        var text: String {
            switch self {
            case .trace: "trace"
            case .debug: "debug"
            case .info: "info"
            case .notice: "notice"
            case .warning: "warning"
            case .error: "error"
            case .critical: "critical"
            }
        }
    }
}

/// The three kinds of telemetry that OTLP carries.
package enum OTLPSignal: String, Sendable, Hashable, CaseIterable {
    /// Spans.
    case traces
    /// Metrics.
    case metrics
    /// Log records.
    case logs

    /// What stands behind the base of an endpoint.
    var path: String { "v1/\(rawValue)" }
}

/// A way to speak OTLP (`OTEL_EXPORTER_OTLP_PROTOCOL`).
public struct OTLPProtocol: Sendable, Hashable, CustomStringConvertible {
    /// As the variable writes it.
    public let name: String

    /// JSON over HTTP/1.1: what is spoken unless another one is asked for.
    public static let httpJSON = OTLPProtocol(name: "http/json")
    /// Binary protobuf over HTTP/1.1.
    public static let httpProtobuf = OTLPProtocol(name: "http/protobuf")

    static let known: KeyValuePairs<String, OTLPProtocol> = [
        httpJSON.name: httpJSON, httpProtobuf.name: httpProtobuf,
    ]

    /// The name.
    public var description: String { name }
}

/// What all telemetry of a process says about the process: `service.name` and the like.
public struct TelemetryResource: Sendable, Hashable {
    /// The attributes.
    package var attributes: Attributes

    /// The instrumentation scope of everything that SpanQueue exports.
    static let scopeName = "spanqueue"
    /// `telemetry.sdk.version`, and the version of the scope.
    static var version: String { LibraryVersion.text }

    package init(attributes: Attributes) {
        self.attributes = attributes
    }

    /// An attribute that is a text, such as `service.namespace`; nil where there is none.
    public subscript(name: String) -> String? {
        get {
            if case .string(let text) = attributes[name] { text } else { nil }
        }
        set { attributes[name] = newValue.map { .string($0) } }
    }
}
