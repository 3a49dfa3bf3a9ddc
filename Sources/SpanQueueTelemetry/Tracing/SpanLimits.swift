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

/// How many attributes something may carry, and how long their texts may be.
public struct AttributeLimits: Sendable, Hashable {
    /// The most attributes; those set after them are dropped and counted.
    public var count: Int
    /// The most Unicode scalars of a text; longer ones are cut. Nil for any number.
    public var valueLength: Int?

    /// Makes limits; those of OpenTelemetry unless others are given.
    public init(count: Int = 128, valueLength: Int? = nil) {
        self.count = count
        self.valueLength = valueLength
    }
}

extension SpanData {
    mutating func set(_ key: String, to value: AttributeValue, within limits: SpanLimits) {
        if !attributes.set(key, to: value, within: limits.attributes) { droppedAttributes += 1 }
    }

    mutating func add(_ event: Event, within limits: SpanLimits) {
        guard events.count < limits.events else {
            droppedEvents += 1
            return
        }
        var event = event
        event.droppedAttributes += event.attributes.apply(limits.eventAttributes)
        events.append(event)
    }

    mutating func add(_ link: Link, within limits: SpanLimits) {
        guard links.count < limits.links else {
            droppedLinks += 1
            return
        }
        var link = link
        link.droppedAttributes += link.attributes.apply(limits.linkAttributes)
        links.append(link)
    }

    /// Brings a span that was built by hand within the limits.
    mutating func apply(_ limits: SpanLimits) {
        droppedAttributes += attributes.apply(limits.attributes)
        let (events, links) = (self.events, self.links)
        if !events.isEmpty {
            self.events = []
            for event in events { add(event, within: limits) }
        }
        if links.count > limits.links || !links.allSatisfy(\.attributes.isEmpty) {
            self.links = []
            for link in links { add(link, within: limits) }
        }
    }
}
