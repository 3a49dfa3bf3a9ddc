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
