public import SpanQueue

/// What must have happened to new jobs before an enqueue succeeds.
public enum RedisDurability: Sendable, Hashable, CustomStringConvertible {
    /// The primary has taken them. What it then does with them, its persistence decides.
    case primary
    /// This many replicas, 1 to 16, have taken them too (`WAIT`). They hold them in memory; a replica that is promoted knows them.
    case replicas(Int)

    /// Reads `none` or `wait:N`.
    ///
    /// - Throws: `.invalidArgument` for another text.
    public init(_ text: String) throws(SpanQueueError) {
        if text == "none" {
            self = .primary
        } else if text.hasPrefix("wait:"), let count = Int(text.dropFirst(5)), (1...16).contains(count) {
            self = .replicas(count)
        } else {
            throw SpanQueueError(
                .invalidArgument, "\"\(text)\" is no durability: write none, or wait:1 to wait:16 for so many replicas")
        }
    }

    /// The text that it is read from.
    public var description: String {
        switch self {
        case .primary: "none"
        case .replicas(let count): "wait:\(count)"
        }
    }
}
