/// How much to ask for in the next step of a scan, so that Redis is never held up for long: it shrinks when a step took too long
/// or had large records, and grows again slowly.
struct StepSize {
    /// Entries to ask for.
    private(set) var count: Int
    private let most: Int
    /// Below this many entries a step is short whatever the clock says; only large records make it smaller.
    private let fewest: Int
    /// What one step may copy, in bytes: about half a millisecond's work.
    private static let maximumBytes = 512 * 1024

    init(most: Int, fewest: Int = 16, first: Int = 1) {
        self.most = most
        self.fewest = fewest
        count = min(first, most)
    }

    /// For lists, whose entries are short, and whose pages must be longer than the part that they share.
    static var list: StepSize { StepSize(most: 256, fewest: 128, first: 128) }

    mutating func record(_ duration: Duration, entries: Int, bytes: Int) {
        if duration > .milliseconds(2) {
            count = max(fewest, count / 2)
        } else if duration < .milliseconds(1) {
            count *= 2
        }
        if entries > 0, bytes > 0 { count = min(count, Self.maximumBytes / max(1, bytes / entries)) }
        count = max(1, min(count, most))
    }
}
