import SpanQueueTelemetry

/// An attribute's value in JSON, of its own type. A whole number beyond 2⁵³, as fencing tokens are not for two centuries yet,
/// would be inexact for readers that keep numbers as doubles.
struct AttributeOutput: Encodable, Sendable {
    let value: AttributeValue

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch value {
        case .string(let value): try container.encode(value)
        case .bool(let value): try container.encode(value)
        case .int(let value): try container.encode(value)
        case .double(let value): try container.encode(value)
        case .strings(let values): try container.encode(values)
        case .bools(let values): try container.encode(values)
        case .ints(let values): try container.encode(values)
        case .doubles(let values): try container.encode(values)
        }
    }
}
