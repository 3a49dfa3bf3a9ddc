import Foundation
import Logging
public import SpanQueue
import SpanQueueCurl
import SpanQueueTelemetry

/// Delivers jobs over HTTP: the payload is posted to a URL, and the status of the response is the outcome.
///
/// | response | the job |
/// |---|---|
/// | 2xx | completes; the body is the result |
/// | 4xx other than 408, 409, 425, 429 | is buried |
/// | anything else, redirects too, and none at all | is tried again, after what `Retry-After` asks for, at most a day |
///
/// The headers are `traceparent` (and `tracestate`, `baggage` where there are any), `Spanq-Job-Id`, `Spanq-Job-Type`,
/// `Spanq-Attempt`, `Spanq-Token`, and `Content-Type`: `application/json` where the payload is JSON, else
/// `application/octet-stream`; and those of the ``HTTPRoute``, with a signature where it has keys. All deliveries share one thread and
/// its connections.
public final class HTTPDelivery: Sendable {
    private static let longestWait = Duration.seconds(24 * 3600)
    /// Of the body, in an error's text.
    private static let shownCharacters = 400
    /// Client errors that another attempt may not meet: Request Timeout, Conflict, Too Early, Too Many Requests.
    private static let passingClientErrors: Set<Int> = [408, 409, 425, 429]

    private let configuration: HTTPDeliveryConfiguration
    private let loop = CurlLoop(name: "spanq-http")

    /// Makes a delivery; its thread starts, and connections are opened, with the first job.
    public init(configuration: HTTPDeliveryConfiguration = .init()) {
        self.configuration = configuration
    }

    /// A raw handler that posts to `url`, with no header beside ours and no signature.
    ///
    /// - Throws: as ``handler(_:)``.
    public func handler(url: String) throws(SpanQueueError) -> @Sendable (RawJob, JobContext) async throws -> Void {
        try handler(HTTPRoute(url: url))
    }

    /// A raw handler that posts to the route's URL.
    ///
    /// - Throws: `.invalidArgument` for a URL that is not valid, is neither `http` nor `https`, or whose host is not among the
    ///   allowed ones.
    public func handler(_ route: HTTPRoute) throws(SpanQueueError)
        -> @Sendable (RawJob, JobContext) async throws -> Void
    {
        let url = route.url
        let address: CurlAddress
        do throws(CurlError) {
            address = try CurlAddress(url)
        } catch {
            throw SpanQueueError(.invalidArgument, "jobs can't be delivered there: \(error)")
        }
        let allowed = configuration.allowedHosts.map(Self.normalized)
        guard allowed.isEmpty || allowed.contains(Self.normalized(address.host)) else {
            throw SpanQueueError(
                .invalidArgument,
                "jobs may not be delivered to \(address.host): the allowed hosts are \(allowed.joined(separator: ", "))"
            )
        }
        return { [self] job, context in try await deliver(job, context, to: route, shownAs: address.shown) }
    }

    /// Ends deliveries that are in flight, whose jobs are tried again, and closes connections. For when the worker has
    /// drained.
    public func shutdown() async {
        await loop.shutdown()
    }

    private func deliver(_ job: RawJob, _ context: JobContext, to route: HTTPRoute, shownAs place: String) async throws
    {
        var request = CurlRequest(
            url: route.url, method: "POST", headers: Self.headers(job, context, route), body: job.payload)
        request.timeout = configuration.timeout
        request.connectTimeout = configuration.connectTimeout
        request.responseLimitBytes = configuration.responseLimit
        request.usesProxy = configuration.usesProxy
        let response: CurlResponse
        do throws(CurlError) {
            response = try await loop.send(request)
        } catch {
            if error.kind == .cancelled { throw CancellationError() }
            throw HTTPDeliveryError(errorType: "http_\(error.kind.rawValue)", description: error.message)
        }
        guard !(200...299).contains(response.status) else {
            return ResultStore.store(
                response.body, droppedBytes: response.isTruncated ? nil : 0, of: "the response's body", in: context)
        }
        try Self.fail(response, from: place)
    }

    private static func fail(_ response: CurlResponse, from place: String) throws -> Never {
        let body = ForeignText.start(of: response.body, isCut: response.isTruncated, characters: shownCharacters)
        let text = "HTTP \(response.status) from \(place)" + (body.isEmpty ? "" : ": \(body)")
        if (400...499).contains(response.status), !passingClientErrors.contains(response.status) {
            throw JobError.permanent(text)
        }
        if let wait = response.retryAfter { throw JobError.retry(after: min(wait, longestWait), text) }
        throw HTTPDeliveryError(errorType: "http_status", description: text)
    }

    private static func headers(
        _ job: RawJob, _ context: JobContext, _ route: HTTPRoute
    ) -> [(name: String, value: String)] {
        var headers = [
            (
                name: "Content-Type",
                value: StrictJSON.isValid(job.payload) ? "application/json" : "application/octet-stream"
            ),
            (name: "User-Agent", value: "spanq/\(SpanQueueVersion.text)"),
            (name: "traceparent", value: context.trace.traceParent),
            (name: "Spanq-Job-Id", value: "\(context.id)"),
            (name: "Spanq-Job-Type", value: context.type),
            (name: "Spanq-Attempt", value: "\(context.attempt)"),
            (name: "Spanq-Token", value: "\(context.token.value)"),
        ]
        for (name, value) in [("tracestate", context.trace.traceState), ("baggage", context.trace.baggage)] {
            // They are opaque to us, and come from whoever enqueued: what can't be a header is left out.
            guard let value, value.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7F || $0 == 0x09 }) else { continue }
            headers.append((name, value))
        }
        // Yours take the place of ours.
        let names = Set(route.headers.map { $0.name.lowercased() })
        headers.removeAll { names.contains($0.name.lowercased()) }
        headers += route.headers.map { (name: $0.name, value: $0.value) }
        let now = Int(Date().timeIntervalSince1970)
        return headers
            + WebhookSignature.headers(
                jobID: "\(context.id)", timestamp: now, payload: job.payload, keys: route.signingKeys)
    }

    /// Without brackets, the root's dot, and the difference between upper and lower case.
    private static func normalized(_ host: String) -> String {
        var host = host.lowercased()
        if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
        if host.hasSuffix(".") { host.removeLast() }
        return host
    }
}
