public import SpanQueue

/// What must have happened to new jobs before an enqueue succeeds.
public enum RedisDurability: Sendable, Hashable, CustomStringConvertible {
    /// The primary has taken them. What it then does with them, its persistence decides.
    case primary
    /// This many replicas, 1 to 16, have taken them too (`WAIT`). They hold them in memory; a replica that is promoted knows them.
    case replicas(Int)
    /// The primary has them in its AOF on disk, and so have this many replicas, 0 to 16, in theirs (`WAITAOF`). For a server whose
    /// `WAITAOF` keeps its word: Redis 8.0 or later, or another one under `appendfsync always`. The start checks that.
    case disk(replicas: Int)

    /// Reads `none`, `wait:N`, `aof` or `aof:N`.
    ///
    /// - Throws: `.invalidArgument` for another text.
    public init(_ text: String) throws(SpanQueueError) {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        let durability: RedisDurability? =
            switch (parts[0], parts.dropFirst().first.map { Int($0) }) {
            case ("none", nil): .primary
            case ("wait", .some(.some(let count))): .replicas(count)
            case ("aof", nil): .disk(replicas: 0)
            case ("aof", .some(.some(let count))) where count > 0: .disk(replicas: count)
            default: nil
            }
        guard let durability, durability.isInRange else {
            throw SpanQueueError(
                .invalidArgument,
                "\"\(text)\" is no durability: write none, wait:1 to wait:16 for so many replicas, aof for the disk, "
                    + "or aof:1 to aof:16 for the disks of so many replicas too")
        }
        self = durability
    }

    var isInRange: Bool {
        switch self {
        case .primary: true
        case .replicas(let count): (1...16).contains(count)
        case .disk(let replicas): (0...16).contains(replicas)
        }
    }

    /// The text that it is read from.
    public var description: String {
        switch self {
        case .primary: "none"
        case .replicas(let count): "wait:\(count)"
        case .disk(replicas: 0): "aof"
        case .disk(let replicas): "aof:\(replicas)"
        }
    }
}
