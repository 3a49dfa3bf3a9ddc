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
