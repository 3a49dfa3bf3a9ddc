// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

/// Attributes with different keys, in the order in which the keys were first set.
///
/// A list and not a dictionary: a span has about ten of them, and at that size comparing keys is cheaper than hashing them.
package struct Attributes: Sendable, Hashable {
    /// The attributes; no two have the same key, and no key is empty.
    package private(set) var list: [Attribute]

    /// No attributes.
    package init() {
        list = []
    }

    /// Takes attributes whose keys the caller knows to be different and not empty.
    package init(unique list: [Attribute]) {
        self.list = list
    }

    /// None, with room for so many.
    package init(capacity: Int) {
        list = []
        list.reserveCapacity(capacity)
    }

    /// Adds an attribute whose key the caller knows to be new and not empty.
    package mutating func add(unique key: String, _ value: AttributeValue) {
        list.append(Attribute(key, value))
    }

    /// How many there are.
    package var count: Int { list.count }

    /// Whether there are none.
    package var isEmpty: Bool { list.isEmpty }

    /// The value of a key. Setting nil removes it; an empty key is ignored.
    package subscript(key: String) -> AttributeValue? {
        get { index(of: key).map { list[$0].value } }
        set {
            guard let index = index(of: key) else {
                if let newValue, !key.isEmpty { list.append(Attribute(key, newValue)) }
                return
            }
            if let newValue { list[index].value = newValue } else { list.remove(at: index) }
        }
    }

    /// Sets a value within limits.
    ///
    /// - Returns: false where it was dropped because there are already as many as allowed, or the key is empty.
    package mutating func set(_ key: String, to value: AttributeValue, within limits: AttributeLimits) -> Bool {
        let value = limits.valueLength.map { value.truncated(to: $0) } ?? value
        if let index = index(of: key) {
            list[index].value = value
            return true
        }
        guard list.count < limits.count, !key.isEmpty else { return false }
        list.append(Attribute(key, value))
        return true
    }

    /// Brings what was made without limits within them.
    ///
    /// - Returns: how many were dropped.
    mutating func apply(_ limits: AttributeLimits) -> Int {
        let dropped = max(0, list.count - limits.count)
        list.removeLast(dropped)
        if let length = limits.valueLength {
            for index in list.indices { list[index].value = list[index].value.truncated(to: length) }
        }
        return dropped
    }

    private func index(of key: String) -> Int? {
        // Most keys differ in length already; and two keys are the same where their bytes are.
        let size = key.utf8.count
        // By index and not by element, which would copy each value to look at its key.
        for index in list.indices where list[index].key.utf8.count == size && list[index].key == key { return index }
        return nil
    }
}

extension Attributes: ExpressibleByDictionaryLiteral {
    /// Of several values for a key the last one counts.
    package init(dictionaryLiteral elements: (String, AttributeValue)...) {
        list = []
        list.reserveCapacity(elements.count)
        for (key, value) in elements {
            if let index = index(of: key) {
                list[index].value = value
            } else if !key.isEmpty {
                list.append(Attribute(key, value))
            }
        }
    }
}

/// A key and its value.
package struct Attribute: Sendable, Hashable {
    /// The key, not empty, such as `messaging.system`.
    package var key: String
    /// The value.
    package var value: AttributeValue

    /// Makes an attribute.
    package init(_ key: String, _ value: AttributeValue) {
        self.key = key
        self.value = value
    }
}

/// The value of an attribute of a span, an event, a link, a log record or a resource.
package enum AttributeValue: Sendable, Hashable {
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
    package static func int(_ value: Int) -> AttributeValue { .int(Int64(value)) }

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
    package init(stringLiteral value: String) { self = .string(value) }
}

extension AttributeValue: ExpressibleByIntegerLiteral {
    /// A whole number.
    package init(integerLiteral value: Int64) { self = .int(value) }
}

extension AttributeValue: ExpressibleByFloatLiteral {
    /// A floating-point number.
    package init(floatLiteral value: Double) { self = .double(value) }
}

extension AttributeValue: ExpressibleByBooleanLiteral {
    /// True or false.
    package init(booleanLiteral value: Bool) { self = .bool(value) }
}
