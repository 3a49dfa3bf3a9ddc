/// A finished span, ready to be exported.
///
/// Live spans become one when they end; code that learns of a span only after it is over (a wait in a queue, an attempt whose
/// worker died) builds one and hands it to ``SpanQueueTracer/submit(_:keptBecause:)``.
public struct SpanData: Sendable, Hashable {
    /// What was done, with few different values: `process emails`.
    public var name: String
    /// The role of the span towards its parent and children.
    public var kind: Kind
    /// The trace, the span itself, the W3C flags and the trace state.
    public var context: TraceContext
    /// The parent; nil for a root.
    public var parent: SpanID?
    /// Whether the parent was in another process.
    public var isParentRemote: Bool
    /// When it began, in nanoseconds since the Unix epoch.
    public var startNanoseconds: UInt64
    /// When it ended, in nanoseconds since the Unix epoch.
    public var endNanoseconds: UInt64
    /// What is known about it.
    public var attributes: Attributes
    /// How many attributes the limits kept out.
    public var droppedAttributes: Int
    /// What happened within it.
    public var events: [Event]
    /// How many events the limits kept out.
    public var droppedEvents: Int
    /// The spans that it has to do with beside its parent.
    public var links: [Link]
    /// How many links the limits kept out.
    public var droppedLinks: Int
    /// Whether it failed.
    public var status: Status

    /// Makes a span of its parts.
    public init(
        name: String, kind: Kind = .internal, context: TraceContext, parent: SpanID? = nil,
        isParentRemote: Bool = false,
        startNanoseconds: UInt64, endNanoseconds: UInt64, attributes: Attributes = Attributes(),
        links: [Link] = [], status: Status = .unset
    ) {
        self.name = name
        self.kind = kind
        self.context = context
        self.parent = parent
        self.isParentRemote = isParentRemote
        self.startNanoseconds = startNanoseconds
        self.endNanoseconds = endNanoseconds
        self.attributes = attributes
        self.droppedAttributes = 0
        self.events = []
        self.droppedEvents = 0
        self.links = links
        self.droppedLinks = 0
        self.status = status
    }
}
