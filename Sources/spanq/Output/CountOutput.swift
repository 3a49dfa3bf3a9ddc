/// What an action on many jobs prints.
struct CountOutput: Encodable, Sendable {
    let queue: String
    let done: Int
    /// Jobs left as they were, because another job holds their lock.
    let skipped: Int
}
