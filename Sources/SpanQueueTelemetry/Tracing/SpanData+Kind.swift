extension SpanData {
    /// The role of a span. The numbers are those of `Span.SpanKind` in opentelemetry-proto.
    public enum Kind: Int, Sendable, Hashable, CaseIterable {
        /// Work within the process.
        case `internal` = 1
        /// Answers a request from elsewhere.
        case server
        /// Asks something of another process and waits.
        case client
        /// Leaves a message for later.
        case producer
        /// Works on such a message.
        case consumer
    }
}
