/// How much a span may carry (OpenTelemetry SDK, "Span Limits"). What goes beyond is dropped and counted in the span.
public struct SpanLimits: Sendable, Hashable {
    /// Of the span's attributes.
    public var attributes: AttributeLimits
    /// The most events.
    public var events: Int
    /// Of the attributes of each event.
    public var eventAttributes: AttributeLimits
    /// The most links.
    public var links: Int
    /// Of the attributes of each link.
    public var linkAttributes: AttributeLimits

    /// Makes limits; those of OpenTelemetry unless others are given.
    public init(
        attributes: AttributeLimits = AttributeLimits(), events: Int = 128,
        eventAttributes: AttributeLimits = AttributeLimits(), links: Int = 128,
        linkAttributes: AttributeLimits = AttributeLimits()
    ) {
        self.attributes = attributes
        self.events = events
        self.eventAttributes = eventAttributes
        self.links = links
        self.linkAttributes = linkAttributes
    }
}
