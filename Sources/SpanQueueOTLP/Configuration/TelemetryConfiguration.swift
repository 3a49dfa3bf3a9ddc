// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

public import SpanQueueTelemetry

/// Everything that telemetry can be told. The defaults are those of OpenTelemetry, but for one: nothing is exported unless it is
/// said where to.
public struct TelemetryConfiguration: Sendable, Hashable {
    /// No telemetry at all (`OTEL_SDK_DISABLED`): no spans, no exports; trace contexts are still passed on.
    public var isDisabled = false
    /// What is said about this process.
    public var resource: TelemetryResource
    /// What is carried from process to process.
    package var propagators = Set(PropagationFormat.allCases)
    /// Which traces are recorded.
    public var sampler = Sampler.parentBasedAlwaysOn
    /// How much a span may carry.
    package var spanLimits = SpanLimits()
    /// How much a log record may carry.
    package var logLimits = AttributeLimits()
    /// Where spans go.
    public var traces = ExportTarget.none
    /// Where metrics go.
    public var metrics = ExportTarget.none
    /// Where log records go.
    public var logs = ExportTarget.none
    /// How spans are collected.
    package var spanBatches = BatchLimits()
    /// How log records are collected.
    package var logBatches = BatchLimits(scheduleDelay: .seconds(1))
    /// How often metrics are exported.
    public var metricInterval = Duration.seconds(60)
    /// How long one export of metrics may take, with its retries.
    public var metricTimeout = Duration.seconds(30)
    /// Which observations may become exemplars.
    public var exemplarFilter = ExemplarFilter.sampled
    /// Whether an export that a collector did not take is tried again. Off for a command that a person waits for: it then ends
    /// at once where the collector refuses.
    public var retriesExports = true
    /// How long the last export may take when the process ends.
    public var shutdownTimeout = Duration.seconds(4)

    /// Makes a configuration that exports nothing.
    ///
    /// - Parameter resource: what is said about this process.
    public init(resource: TelemetryResource = .detected()) {
        self.resource = resource
    }
}

/// Where a signal goes (`OTEL_TRACES_EXPORTER` and the like).
public struct ExportTarget: Sendable, Hashable {
    enum Kind: Sendable, Hashable {
        case none, console
        case otlp(OTLPEndpoint)
    }

    let kind: Kind

    /// Nowhere.
    public static let none = ExportTarget(kind: .none)
    /// To standard output, one line of OTLP/JSON a batch.
    public static let console = ExportTarget(kind: .console)
    /// To a collector.
    public static func otlp(_ endpoint: OTLPEndpoint) -> ExportTarget { ExportTarget(kind: .otlp(endpoint)) }
}

/// Something in the environment that is not as it should be.
public struct ConfigurationWarning: Sendable, Hashable, CustomStringConvertible {
    /// The variable.
    public let variable: String
    /// What is wrong, and what happens instead. Never holds a header, or a URL with what may be a secret in it.
    public let message: String

    init(_ variable: String, _ message: String) {
        self.variable = variable
        self.message = message
    }

    /// The variable and the message.
    public var description: String { "\(variable): \(message)" }
}
