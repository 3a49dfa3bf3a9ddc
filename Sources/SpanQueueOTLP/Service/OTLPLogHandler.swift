// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

package import Logging
internal import ServiceContextModule
package import SpanQueueTelemetry

/// Exports what is logged as OpenTelemetry log records. Use it beside a stream handler in a `MultiplexLogHandler`, or alone.
package struct OTLPLogHandler: LogHandler {
    /// Metadata of every record.
    package var metadata: Logger.Metadata = [:]
    /// Adds metadata to every record.
    package var metadataProvider: Logger.MetadataProvider?
    /// What is less severe is not exported.
    package var logLevel: Logger.Level = .info

    private let label: String
    private let limits: AttributeLimits
    private let processor: BatchProcessor<[LogRecordData]>

    /// Makes a handler for one logger.
    ///
    /// - Parameters:
    ///   - label: the logger's; the attribute `logger.name`.
    ///   - processor: takes the records.
    ///   - limits: how much a record may carry.
    package init(
        label: String, processor: BatchProcessor<[LogRecordData]>, limits: AttributeLimits = AttributeLimits(),
        metadataProvider: Logger.MetadataProvider? = nil
    ) {
        self.label = label
        self.processor = processor
        self.limits = limits
        self.metadataProvider = metadataProvider
    }

    /// One item of the handler's metadata.
    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    /// Queues a record; it never waits.
    package func log(event: LogEvent) {
        var attributes = LogAttributes(within: limits)
        attributes.set("logger.name", to: .string(label))
        if let provided = metadataProvider?.get() { attributes.merge(provided) }
        attributes.merge(metadata)
        if let own = event.metadata { attributes.merge(own) }
        if let error = event.error {
            attributes.set("exception.type", to: .string(String(reflecting: type(of: error))))
            attributes.set("exception.message", to: .string(String(describing: error)))
        }
        let context = attributes.takeTrace(current: ServiceContext.current?.traceContext)
        processor.submit(
            LogRecordData(
                LogRecordData.Severity(event.level), "\(event.message)", attributes: attributes.attributes,
                droppedAttributes: attributes.dropped, context: context))
    }
}

extension LogRecordData.Severity {
    /// The level of swift-log with the same name.
    package init(_ level: Logger.Level) {
        switch level {
        case .trace: self = .trace
        case .debug: self = .debug
        case .info: self = .info
        case .notice: self = .notice
        case .warning: self = .warning
        case .error: self = .error
        case .critical: self = .critical
        }
    }
}

/// Collects the attributes of a log record from swift-log's metadata; what is set later counts.
struct LogAttributes {
    private let limits: AttributeLimits
    private(set) var attributes = Attributes()
    private(set) var dropped = 0

    init(within limits: AttributeLimits) {
        self.limits = limits
    }

    mutating func set(_ key: String, to value: AttributeValue) {
        if !attributes.set(key, to: value, within: limits) { dropped += 1 }
    }

    /// In the order of the keys, so that the same line always loses the same attributes to the limits.
    mutating func merge(_ metadata: Logger.Metadata) {
        if metadata.isEmpty { return }
        for (key, value) in metadata.sorted(by: { $0.key < $1.key }) { merge(value, as: key) }
    }

    private mutating func merge(_ value: Logger.MetadataValue, as key: String) {
        switch value {
        case .string(let text): set(key, to: .string(text))
        case .stringConvertible(let value): set(key, to: .string(value.description))
        case .array(let values): set(key, to: .strings(values.map(\.description)))
        case .dictionary(let members):
            for (name, member) in members.sorted(by: { $0.key < $1.key }) { merge(member, as: "\(key).\(name)") }
        }
    }

    /// The span that the record belongs to: the current one, or the one that the logger's metadata names, as that of a job does
    /// outside its task. What the record's own fields say is not an attribute any more.
    mutating func takeTrace(current: TraceContext?) -> TraceContext? {
        guard case .string(let trace) = attributes["trace_id"], case .string(let span) = attributes["span_id"] else {
            return current
        }
        guard let named = TraceContext(traceParent: "00-\(trace)-\(span)-00") else { return current }
        if let current, named.traceID != current.traceID { return current }
        attributes["trace_id"] = nil
        attributes["span_id"] = nil
        return current ?? named
    }
}
