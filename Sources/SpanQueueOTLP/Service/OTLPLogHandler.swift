public import Logging
internal import ServiceContextModule
public import SpanQueueTelemetry

/// Exports what is logged as OpenTelemetry log records. Use it beside a stream handler in a `MultiplexLogHandler`, or alone.
public struct OTLPLogHandler: LogHandler {
    /// Metadata of every record.
    public var metadata: Logger.Metadata = [:]
    /// Adds metadata to every record.
    public var metadataProvider: Logger.MetadataProvider?
    /// What is less severe is not exported.
    public var logLevel: Logger.Level = .info

    private let label: String
    private let limits: AttributeLimits
    private let processor: BatchProcessor<LogRecordData>

    /// Makes a handler for one logger.
    ///
    /// - Parameters:
    ///   - label: the logger's; the attribute `logger.name`.
    ///   - processor: takes the records.
    ///   - limits: how much a record may carry.
    public init(
        label: String, processor: BatchProcessor<LogRecordData>, limits: AttributeLimits = AttributeLimits(),
        metadataProvider: Logger.MetadataProvider? = nil
    ) {
        self.label = label
        self.processor = processor
        self.limits = limits
        self.metadataProvider = metadataProvider
    }

    /// One item of the handler's metadata.
    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    /// Queues a record; it never waits.
    public func log(event: LogEvent) {
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
    public init(_ level: Logger.Level) {
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
