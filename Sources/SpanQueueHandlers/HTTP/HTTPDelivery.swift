public import SpanQueue

/// Delivers jobs over HTTP: the payload is posted to a URL, the response's status is the outcome.
public final class HTTPDelivery: Sendable {
    /// Makes a delivery; connections are opened when jobs come.
    public init(configuration: HTTPDeliveryConfiguration = .init()) {
    }

    /// A raw handler that posts to `url`.
    public func handler(url: String) throws(SpanQueueError) -> @Sendable (RawJob, JobContext) async throws -> Void {
        { _, _ in }
    }

    /// Ends deliveries that are in flight, and closes connections.
    public func shutdown() async {
    }
}
