internal import SpanQueueTelemetry

// Fields are written with a comma after each; `end` takes the last one back. So nobody has to know what comes first.
extension JSONWriter {
    @inline(__always)
    mutating func endObject() {
        dropComma()
        raw("},")
    }

    @inline(__always)
    mutating func endArray() {
        dropComma()
        raw("],")
    }

    /// `key` comes with its quotes and colon: `"name":`.
    mutating func field(_ key: StaticString, _ text: String) {
        guard !text.isEmpty else { return }
        raw(key)
        string(text)
        byte(UInt8(ascii: ","))
    }

    /// A 64-bit field: in quotes, left out where it is 0.
    mutating func field64(_ key: StaticString, _ value: UInt64) {
        guard value != 0 else { return }
        raw(key)
        quoted(value)
        byte(UInt8(ascii: ","))
    }

    /// A field of at most 32 bits: a number, left out where it is 0.
    mutating func field32(_ key: StaticString, _ value: Int) {
        guard value != 0 else { return }
        raw(key)
        decimal(UInt64(UInt32(clamping: value)))
        byte(UInt8(ascii: ","))
    }

    /// A 64-bit number in quotes.
    mutating func quoted(_ value: UInt64) {
        byte(UInt8(ascii: "\""))
        decimal(value)
        byte(UInt8(ascii: "\""))
    }

    mutating func field(_ key: StaticString, _ id: TraceID) {
        raw(key)
        byte(UInt8(ascii: "\""))
        hexadecimal(id.high)
        hexadecimal(id.low)
        raw("\",")
    }

    mutating func field(_ key: StaticString, _ id: SpanID) {
        raw(key)
        byte(UInt8(ascii: "\""))
        hexadecimal(id.value)
        raw("\",")
    }

    mutating func attributes(_ attributes: Attributes) {
        guard !attributes.isEmpty else { return }
        raw("\"attributes\":[")
        attributes.list.withUnsafeBufferPointer { list in
            for index in list.indices {
                raw("{\"key\":")
                string(list[index].key)
                raw(",\"value\":")
                value(list[index].value)
                raw("},")
            }
        }
        endArray()
    }

    /// An `AnyValue`: a oneof, so that what is empty or zero is written too.
    mutating func value(_ value: AttributeValue) {
        switch value {
        case .string(let text):
            raw("{\"stringValue\":")
            string(text)
            raw("}")
        case .bool(let flag):
            if flag { raw("{\"boolValue\":true}") } else { raw("{\"boolValue\":false}") }
        case .int(let number):
            raw("{\"intValue\":\"")
            decimal(number)
            raw("\"}")
        case .double(let number):
            raw("{\"doubleValue\":")
            double(number)
            raw("}")
        case .strings(let texts): array(texts) { .string($0) }
        case .bools(let flags): array(flags) { .bool($0) }
        case .ints(let numbers): array(numbers) { .int($0) }
        case .doubles(let numbers): array(numbers) { .double($0) }
        }
    }

    private mutating func array<Element>(_ elements: [Element], _ wrap: (Element) -> AttributeValue) {
        guard !elements.isEmpty else { return raw("{\"arrayValue\":{}}") }
        raw("{\"arrayValue\":{\"values\":[")
        for element in elements {
            value(wrap(element))
            byte(UInt8(ascii: ","))
        }
        dropComma()
        raw("]}}")
    }

    /// `"resource":{…},` and the opening of the one scope in it.
    mutating func beginResource(_ resource: TelemetryResource, list: StaticString, scopes: StaticString) {
        raw("{\"")
        raw(list)
        raw("\":[{\"resource\":{")
        attributes(resource.attributes)
        dropComma()
        raw("},\"")
        raw(scopes)
        raw("\":[{\"scope\":{")
        field("\"name\":", TelemetryResource.scopeName)
        field("\"version\":", TelemetryResource.version)
        endObject()
    }

    /// Closes what `beginResource` opened.
    mutating func endResource() {
        dropComma()
        raw("}]}]}")
    }
}
