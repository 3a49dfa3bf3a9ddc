/// What became of a batch.
public enum ExportOutcome: Sendable, Hashable {
    /// The other side took it, but for `rejected` items, which it does not want again.
    case exported(rejected: Int)
    /// It was dropped; `errorType` is a word or a status code that is fit for a metric's label.
    case failed(errorType: String)

    /// Whether the other side took all of it.
    public var isSuccess: Bool { self == .exported(rejected: 0) }
}
