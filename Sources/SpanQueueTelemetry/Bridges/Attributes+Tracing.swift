package import Tracing

extension Tracing.Span {
    /// Sets all of them.
    package func set(_ attributes: Attributes) {
        for attribute in attributes.list { self.attributes[attribute.key] = SpanAttribute(attribute.value) }
    }
}

extension Attributes {
    /// The same attributes, in the order of their keys.
    init(_ attributes: SpanAttributes) {
        var list: [Attribute] = []
        list.reserveCapacity(attributes.count)
        attributes.forEach { key, value in
            if !key.isEmpty { list.append(Attribute(key, AttributeValue(value))) }
        }
        list.sort { $0.key < $1.key }
        self.init(unique: list)
    }
}

extension AttributeValue {
    init(_ value: SpanAttribute) {
        switch value {
        case .int32(let value): self = .int(Int64(value))
        case .int64(let value): self = .int(value)
        case .int32Array(let values): self = .ints(values.map { Int64($0) })
        case .int64Array(let values): self = .ints(values)
        case .double(let value): self = .double(value)
        case .doubleArray(let values): self = .doubles(values)
        case .bool(let value): self = .bool(value)
        case .boolArray(let values): self = .bools(values)
        case .string(let value): self = .string(value)
        case .stringArray(let values): self = .strings(values)
        case .stringConvertible(let value): self = .string("\(value)")
        case .stringConvertibleArray(let values): self = .strings(values.map { "\($0)" })
        default: self = .string("\(value)")
        }
    }
}

extension SpanAttribute {
    init(_ value: AttributeValue) {
        switch value {
        case .string(let value): self = .string(value)
        case .bool(let value): self = .bool(value)
        case .int(let value): self = .int64(value)
        case .double(let value): self = .double(value)
        case .strings(let values): self = .stringArray(values)
        case .bools(let values): self = .boolArray(values)
        case .ints(let values): self = .int64Array(values)
        case .doubles(let values): self = .doubleArray(values)
        }
    }
}

extension SpanData.Kind {
    init(_ kind: SpanKind) {
        switch kind {
        case .server: self = .server
        case .client: self = .client
        case .producer: self = .producer
        case .consumer: self = .consumer
        case .internal: self = .internal
        }
    }
}
