internal import Synchronization

/// The answer to one request for /metrics: what an HTTP server has to send.
public struct MetricsPage: Sendable, Hashable {
    /// The body.
    public var bytes: [UInt8]
    /// The `Content-Type` header.
    public var contentType: String

    /// The `Vary` header, without which a cache could give one reader's format to another. A server that compresses adds
    /// `Accept-Encoding`.
    public static let vary = "Accept"
}

extension MetricsRegistry {
    /// Runs the collectors and writes the page that a request asks for.
    ///
    /// - Parameters:
    ///   - accept: the request's header as it came, joined with `, ` where there were several; nil where there was none.
    ///   - executor: where the collectors run; the global executor unless given.
    public func page(accept: String? = nil, on executor: (any TaskExecutor)? = nil) async -> MetricsPage {
        let snapshot = await collect(on: executor)
        let format = ExpositionFormat.negotiated(accept: accept)
        // A page is about as long as the one before it, and growing to that by doubling would copy it several times.
        var writer = ExpositionWriter(capacity: lastPageBytes.load(ordering: .relaxed) * 9 / 8)
        writer.write(snapshot, as: format)
        lastPageBytes.store(writer.bytes.count, ordering: .relaxed)
        return MetricsPage(bytes: writer.bytes, contentType: format.contentType)
    }
}
