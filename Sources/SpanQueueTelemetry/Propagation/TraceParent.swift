extension TraceContext {
    /// The `traceparent` header: `00-<trace id>-<span id>-<flags>` (Trace Context level 2, section 3.2).
    public var traceParent: String {
        // Bits without a meaning in version 00 are sent as 0 (section 3.2.2.5).
        "00-\(traceID)-\(spanID)-0\(flags & 0b11)"
    }

    /// Reads the three headers, strictly: anything that the specification calls invalid gives nil, and the caller then
    /// starts a trace of its own (Trace Context level 2, section 3.2.2 and 4.2).
    ///
    /// - Parameters:
    ///   - traceParent: 55 bytes for version 00; a later version may be longer, and its first four fields are read.
    ///   - traceState: carried on as far as it follows the grammar and fits in 512 bytes.
    ///   - baggage: carried on when it follows the grammar and has at most 8192 bytes.
    public init?(traceParent: String, traceState: String? = nil, baggage: String? = nil) {
        // A later version may be longer than 55 bytes; how long is up to it, but it shall not cost us memory.
        guard traceParent.utf8.count <= 512 else { return nil }
        let bytes = Array(traceParent.utf8)
        let dash = UInt8(ascii: "-")
        guard bytes.count >= 55, bytes[2] == dash, bytes[35] == dash, bytes[52] == dash,
            let version = Hexadecimal.decode(bytes[0..<2]), version != 0xFF,
            version == 0 ? bytes.count == 55 : bytes.count == 55 || bytes[55] == dash,
            let high = Hexadecimal.decode(bytes[3..<19]), let low = Hexadecimal.decode(bytes[19..<35]),
            let span = Hexadecimal.decode(bytes[36..<52]), let flags = Hexadecimal.decode(bytes[53..<55]),
            let traceID = TraceID(high: high, low: low), let spanID = SpanID(span)
        else { return nil }
        // Of a flags byte only the two defined bits are passed on (section 3.2.2.5).
        self.init(
            traceID: traceID, spanID: spanID, flags: UInt8(flags) & 0b11, traceState: traceState, baggage: baggage)
    }
}
