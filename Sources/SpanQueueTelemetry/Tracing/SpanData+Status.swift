extension SpanData {
    /// How a span ended, as far as anybody said so.
    public enum Status: Sendable, Hashable {
        /// Nobody said.
        case unset
        /// Someone who knows said that it succeeded; this overrides an error.
        case ok
        /// It failed; in words, which may be empty.
        case error(String)
    }
}
