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

extension SpanData {
    /// Something that happened at one moment of a span.
    public struct Event: Sendable, Hashable {
        /// What happened, with few different values.
        public var name: String
        /// When, in nanoseconds since the Unix epoch.
        public var timeNanoseconds: UInt64
        /// What is known about it.
        public var attributes: Attributes
        /// How many attributes the limits kept out.
        public var droppedAttributes = 0

        /// Makes an event; it happens now unless a time is given.
        public init(_ name: String, atNanoseconds: UInt64? = nil, attributes: Attributes = Attributes()) {
            self.name = name
            self.timeNanoseconds = atNanoseconds ?? SystemClock.now()
            self.attributes = attributes
        }
    }
}

extension SpanData {
    /// A span that another one has to do with, though it is not its parent.
    public struct Link: Sendable, Hashable {
        /// The span that is linked to.
        public var context: TraceContext
        /// Whether it was in another process.
        public var isRemote: Bool
        /// What is known about the link.
        public var attributes: Attributes
        /// How many attributes the limits kept out.
        public var droppedAttributes = 0

        /// Makes a link.
        public init(_ context: TraceContext, isRemote: Bool = false, attributes: Attributes = Attributes()) {
            self.context = context
            self.isRemote = isRemote
            self.attributes = attributes
        }
    }
}
