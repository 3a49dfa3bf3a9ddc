// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

/// A finished span, ready to be exported.
///
/// Live spans become one when they end; code that learns of a span only after it is over (a wait in a queue, an attempt whose
/// worker died) builds one and hands it to ``SpanQueueTracer/submit(_:keptBecause:)``.
package struct SpanData: Sendable, Hashable {
    /// What was done, with few different values: `process emails`.
    package var name: String
    /// The role of the span towards its parent and children.
    package var kind: Kind
    /// The trace, the span itself, the W3C flags and the trace state.
    package var context: TraceContext
    /// The parent; nil for a root.
    package var parent: SpanID?
    /// Whether the parent was in another process.
    package var isParentRemote: Bool
    /// When it began, in nanoseconds since the Unix epoch.
    package var startNanoseconds: UInt64
    /// When it ended, in nanoseconds since the Unix epoch.
    package var endNanoseconds: UInt64
    /// What is known about it.
    package var attributes: Attributes
    /// How many attributes the limits kept out.
    package var droppedAttributes: Int
    /// What happened within it.
    package var events: [Event]
    /// How many events the limits kept out.
    package var droppedEvents: Int
    /// The spans that it has to do with beside its parent.
    package var links: [Link]
    /// How many links the limits kept out.
    package var droppedLinks: Int
    /// Whether it failed.
    package var status: Status

    /// Makes a span of its parts.
    package init(
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

extension SpanData {
    /// The role of a span. The numbers are those of `Span.SpanKind` in opentelemetry-proto.
    package enum Kind: Int, Sendable, Hashable, CaseIterable {
        /// Work within the process.
        case `internal` = 1
        /// Answers a request from elsewhere.
        case server
        /// Asks something of another process and waits.
        case client
        /// Leaves a message for later.
        case producer
        /// Works on such a message.
        case consumer
    }
}

extension SpanData {
    /// How a span ended, as far as anybody said so.
    package enum Status: Sendable, Hashable {
        /// Nobody said.
        case unset
        /// Someone who knows said that it succeeded; this overrides an error.
        case ok
        /// It failed; in words, which may be empty.
        case error(String)
    }
}

extension SpanData {
    /// Something that happened at one moment of a span.
    package struct Event: Sendable, Hashable {
        /// What happened, with few different values.
        package var name: String
        /// When, in nanoseconds since the Unix epoch.
        package var timeNanoseconds: UInt64
        /// What is known about it.
        package var attributes: Attributes
        /// How many attributes the limits kept out.
        package var droppedAttributes = 0

        /// Makes an event; it happens now unless a time is given.
        package init(_ name: String, atNanoseconds: UInt64? = nil, attributes: Attributes = Attributes()) {
            self.name = name
            self.timeNanoseconds = atNanoseconds ?? SystemClock.now()
            self.attributes = attributes
        }
    }
}

extension SpanData {
    /// A span that another one has to do with, though it is not its parent.
    package struct Link: Sendable, Hashable {
        /// The span that is linked to.
        package var context: TraceContext
        /// Whether it was in another process.
        package var isRemote: Bool
        /// What is known about the link.
        package var attributes: Attributes
        /// How many attributes the limits kept out.
        package var droppedAttributes = 0

        /// Makes a link.
        package init(_ context: TraceContext, isRemote: Bool = false, attributes: Attributes = Attributes()) {
            self.context = context
            self.isRemote = isRemote
            self.attributes = attributes
        }
    }
}

/// How much a span may carry (OpenTelemetry SDK, "Span Limits"). What goes beyond is dropped and counted in the span.
package struct SpanLimits: Sendable, Hashable {
    /// Of the span's attributes.
    package var attributes: AttributeLimits
    /// The most events.
    package var events: Int
    /// Of the attributes of each event.
    package var eventAttributes: AttributeLimits
    /// The most links.
    package var links: Int
    /// Of the attributes of each link.
    package var linkAttributes: AttributeLimits

    /// Makes limits; those of OpenTelemetry unless others are given.
    package init(
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
package struct AttributeLimits: Sendable, Hashable {
    /// The most attributes; those set after them are dropped and counted.
    package var count: Int
    /// The most Unicode scalars of a text; longer ones are cut. Nil for any number.
    package var valueLength: Int?

    /// Makes limits; those of OpenTelemetry unless others are given.
    package init(count: Int = 128, valueLength: Int? = nil) {
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
