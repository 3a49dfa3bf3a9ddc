/// Something in the environment that is not as it should be.
public struct ConfigurationWarning: Sendable, Hashable, CustomStringConvertible {
    /// The variable.
    public let variable: String
    /// What is wrong, and what happens instead. Never holds a header, or a URL with what may be a secret in it.
    public let message: String

    init(_ variable: String, _ message: String) {
        self.variable = variable
        self.message = message
    }

    /// The variable and the message.
    public var description: String { "\(variable): \(message)" }
}
