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
