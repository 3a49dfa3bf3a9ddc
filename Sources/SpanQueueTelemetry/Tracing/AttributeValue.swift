/// The value of an attribute of a span, an event, a link, a log record or a resource.
public enum AttributeValue: Sendable, Hashable {
    /// Text.
    case string(String)
    /// True or false.
    case bool(Bool)
    /// A whole number.
    case int(Int64)
    /// A floating-point number, infinities and NaN among them.
    case double(Double)
    /// Several texts.
    case strings([String])
    /// Several truths.
    case bools([Bool])
    /// Several whole numbers.
    case ints([Int64])
    /// Several floating-point numbers.
    case doubles([Double])

    /// A whole number of the usual type.
    public static func int(_ value: Int) -> AttributeValue { .int(Int64(value)) }

    /// The same value with no text longer than `limit` Unicode scalars (OpenTelemetry, "Attribute Limits").
    func truncated(to limit: Int) -> AttributeValue {
        switch self {
        case .string(let text): .string(Self.truncate(text, to: limit))
        case .strings(let texts): .strings(texts.map { Self.truncate($0, to: limit) })
        case .bool, .int, .double, .bools, .ints, .doubles: self
        }
    }

    private static func truncate(_ text: String, to limit: Int) -> String {
        // A scalar has at least one byte, so what is short in bytes is short in scalars.
        guard text.utf8.count > limit else { return text }
        return String(String.UnicodeScalarView(text.unicodeScalars.prefix(limit)))
    }
}

extension AttributeValue: ExpressibleByStringLiteral, ExpressibleByStringInterpolation {
    /// Text.
    public init(stringLiteral value: String) { self = .string(value) }
}

extension AttributeValue: ExpressibleByIntegerLiteral {
    /// A whole number.
    public init(integerLiteral value: Int64) { self = .int(value) }
}

extension AttributeValue: ExpressibleByFloatLiteral {
    /// A floating-point number.
    public init(floatLiteral value: Double) { self = .double(value) }
}

extension AttributeValue: ExpressibleByBooleanLiteral {
    /// True or false.
    public init(booleanLiteral value: Bool) { self = .bool(value) }
}
