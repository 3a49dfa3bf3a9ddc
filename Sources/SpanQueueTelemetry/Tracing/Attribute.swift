/// A key and its value.
public struct Attribute: Sendable, Hashable {
    /// The key, not empty, such as `messaging.system`.
    public var key: String
    /// The value.
    public var value: AttributeValue

    /// Makes an attribute.
    public init(_ key: String, _ value: AttributeValue) {
        self.key = key
        self.value = value
    }
}
