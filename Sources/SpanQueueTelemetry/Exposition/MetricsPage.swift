internal import Synchronization

/// The answer to one request for /metrics: what an HTTP server has to send.
public struct MetricsPage: Sendable, Hashable {
    /// The body.
    public var bytes: [UInt8]
    /// The `Content-Type` header.
    public var contentType: String
    /// How the body is coded: where it is gzip, send `Content-Encoding: gzip`.
    public var coding: ContentCoding

    /// The `Vary` header, without which a cache could give one reader's format to another.
    public static let vary = "Accept, Accept-Encoding"
}

extension MetricsRegistry {
    /// Runs the collectors and writes the page that a request with these headers asks for.
    ///
    /// `accept` and `acceptEncoding` are the headers as they came, joined with `, ` where there were several; nil where
    /// there were none. Should compression fail, the page comes uncompressed.
    public func page(
        accept: String? = nil, acceptEncoding: String? = nil, on executor: (any TaskExecutor)? = nil
    ) async -> MetricsPage {
        let snapshot = await collect(on: executor)
        let format = ExpositionFormat.negotiated(accept: accept)
        // A page is about as long as the one before it, and growing to that by doubling would copy it several times.
        var writer = ExpositionWriter(capacity: lastPageBytes.load(ordering: .relaxed) * 9 / 8)
        writer.write(snapshot, as: format)
        lastPageBytes.store(writer.bytes.count, ordering: .relaxed)
        if ContentCoding.negotiated(acceptEncoding: acceptEncoding) == .gzip,
            let compressed = Gzip.compress(writer.bytes)
        {
            return MetricsPage(bytes: compressed, contentType: format.contentType, coding: .gzip)
        }
        return MetricsPage(bytes: writer.bytes, contentType: format.contentType, coding: .identity)
    }
}
