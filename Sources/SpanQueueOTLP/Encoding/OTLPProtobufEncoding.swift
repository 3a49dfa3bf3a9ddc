internal import SpanQueueTelemetry

/// Binary protobuf. The numbers of the fields are those of opentelemetry-proto 1.x, which does not change them.
package struct OTLPProtobufEncoding: OTLPEncoding {
    package let contentType = "application/x-protobuf"

    package init() {}

    /// A request: it and the resource's part of it have their list under 1 and 2, for each signal alike.
    func request(
        _ resource: TelemetryResource, capacity: Int, _ items: (inout ProtobufWriter) -> Void
    ) -> [UInt8] {
        var writer = ProtobufWriter(capacity: capacity)
        writer.message(1) { writer in
            writer.message(1) { $0.attributes(1, resource.attributes) }
            writer.message(2) { writer in
                writer.message(1) { scope in
                    scope.string(1, TelemetryResource.scopeName)
                    scope.string(2, TelemetryResource.version)
                }
                items(&writer)
            }
        }
        return writer.bytes
    }
}

extension ProtobufWriter {
    /// A list of `KeyValue`.
    mutating func attributes(_ field: Int, _ attributes: Attributes) {
        for attribute in attributes.list {
            message(field) { pair in
                pair.string(1, attribute.key)
                pair.message(2) { $0.value(attribute.value) }
            }
        }
    }

    /// The one member of an `AnyValue`, also where it is empty or zero.
    mutating func value(_ value: AttributeValue) {
        switch value {
        case .string(let text): string(always: 1, text)
        case .bool(let flag): varint(always: 2, flag ? 1 : 0)
        case .int(let number): varint(always: 3, UInt64(bitPattern: number))
        case .double(let number): double(always: 4, number)
        case .strings(let texts): list(texts) { .string($0) }
        case .bools(let flags): list(flags) { .bool($0) }
        case .ints(let numbers): list(numbers) { .int($0) }
        case .doubles(let numbers): list(numbers) { .double($0) }
        }
    }

    private mutating func list<Element>(_ elements: [Element], _ wrap: (Element) -> AttributeValue) {
        message(5) { list in
            for element in elements { list.message(1) { $0.value(wrap(element)) } }
        }
    }
}
