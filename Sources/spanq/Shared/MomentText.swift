import SpanQueue

/// Moments on the command line and in batches.
enum MomentText {
    /// Reads a moment of RFC 3339, to the millisecond; nil where it is not one.
    static func parse(_ text: String) -> Timestamp? { RFC3339(text)?.timestamp }
}
