public import SpanQueueTelemetry

/// A log record, ready to be exported.
public struct LogRecordData: Sendable, Hashable {
    /// When it happened, in nanoseconds since the Unix epoch.
    public var timeNanoseconds: UInt64
    /// How bad it is.
    public var severity: Severity
    /// What is said.
    public var body: String
    /// What is known about it.
    public var attributes: Attributes
    /// How many attributes the limits kept out.
    public var droppedAttributes: Int
    /// The span within which it happened; nil outside any.
    public var context: TraceContext?

    /// Makes a record; it happens now unless a time is given.
    public init(
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
