// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

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
/// `application/octet-stream`; and those that the handler is given, with a signature where it has keys. All deliveries share one thread
/// and its connections.
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

    /// A handler, for `Worker.handle(_:retryPolicy:_:)`, that posts payloads to a URL.
    ///
    /// - Parameters:
    ///   - url: `http` or `https`. User and password in it are sent as basic authentication and shown nowhere.
    ///   - headers: headers of your own, in this order; none by default. `Content-Type` and `User-Agent` take the place of ours. Values
    ///     may be secrets: they are in no log and no error.
    ///   - signingKeys: sign each request by [Standard Webhooks](https://www.standardwebhooks.com); none, the default, for no signature.
    ///     With several there is a signature for each, so that a receiver can change from an old key to a new one.
    /// - Throws: `.invalidArgument` for a URL that is not valid, is neither `http` nor `https`, or whose host is not allowed; and for a
    ///   header that is set by SpanQueue or HTTP itself, whose name is not a token, or whose value is empty or not printable ASCII.
    public func handler(
        url: String, headers: [(name: String, value: String)] = [], signingKeys: [WebhookKey] = []
    ) throws(SpanQueueError) -> @Sendable (_ payload: [UInt8], JobContext) async throws -> Void {
        var checked: [HTTPHeader] = []
        for (name, value) in headers { checked.append(try HTTPHeader(name: name, value: value)) }
        return try handler(HTTPRoute(url: url, headers: checked, signingKeys: signingKeys))
    }

    /// A handler that posts to the route's URL.
    ///
    /// - Throws: `.invalidArgument` for a URL that is not valid, is neither `http` nor `https`, or whose host is not among the
    ///   allowed ones.
    package func handler(_ route: HTTPRoute) throws(SpanQueueError)
        -> @Sendable ([UInt8], JobContext) async throws -> Void
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
        return { [self] payload, context in try await deliver(payload, context, to: route, shownAs: address.shown) }
    }

    /// Ends deliveries that are in flight, whose jobs are tried again, and closes connections. For when the worker has
    /// drained.
    public func shutdown() async {
        await loop.shutdown()
    }

    private func deliver(_ payload: [UInt8], _ context: JobContext, to route: HTTPRoute, shownAs place: String)
        async throws
    {
        var request = CurlRequest(
            url: route.url, method: "POST", headers: Self.headers(payload, context, route), body: payload)
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
        _ payload: [UInt8], _ context: JobContext, _ route: HTTPRoute
    ) -> [(name: String, value: String)] {
        var headers = [
            (
                name: "Content-Type",
                value: StrictJSON.isValid(payload) ? "application/json" : "application/octet-stream"
            ),
            (name: "User-Agent", value: "spanq/\(SpanQueueVersion.text)"),
            (name: "traceparent", value: context.trace.traceParent),
            (name: "Spanq-Job-Id", value: "\(context.id)"),
            (name: "Spanq-Job-Type", value: context.type),
            (name: "Spanq-Attempt", value: "\(context.attempt)"),
            (name: "Spanq-Token", value: "\(context.token)"),
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
                jobID: "\(context.id)", timestamp: now, payload: payload, keys: route.signingKeys)
    }

    /// Without brackets, the root's dot, and the difference between upper and lower case.
    private static func normalized(_ host: String) -> String {
        var host = host.lowercased()
        if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
        if host.hasSuffix(".") { host.removeLast() }
        return host
    }
}

/// How jobs are delivered over HTTP.
public struct HTTPDeliveryConfiguration: Sendable, Hashable {
    /// From the start of a request to the last byte of its response; 30 s by default.
    public var timeout = Duration.seconds(30)
    /// Name resolution, TCP and TLS together, within `timeout`; 5 s by default.
    public var connectTimeout = Duration.seconds(5)
    /// How many bytes of the response's body are kept as the job's result, in bytes; 64 KiB by default, which is the limit of
    /// a result. Of a longer one no more is read.
    public var responseLimit = 64 << 10
    /// The hosts that jobs may be delivered to, names or addresses without port; empty, the default, for any.
    public var allowedHosts: [String] = []

    /// Whether a delivery goes through the proxy that the environment names (`http_proxy`, `https_proxy`, `all_proxy`, `no_proxy`); false
    /// by default. A proxy reads payloads that go to `http` URLs, and connects to an address of its own choice, which
    /// `allowedHosts` can't see. Deliveries to this machine never have one.
    public var usesProxy = false

    /// The defaults above.
    public init() {}
}

/// Why a delivery failed; the job is tried again.
struct HTTPDeliveryError: NamedError, CustomStringConvertible {
    let errorType: String
    let description: String
}

/// Where jobs are delivered, and what goes along with each.
package struct HTTPRoute: Sendable {
    /// `http` or `https`. User and password in it are sent as basic authentication and shown nowhere.
    package var url: String
    /// Headers of your own, in this order; none by default. `Content-Type` and `User-Agent` take the place of ours.
    package var headers: [HTTPHeader]
    /// Signs each request by [Standard Webhooks](https://www.standardwebhooks.com); none, the default, for no signature. With several
    /// there is a signature for each, so that a receiver can change from an old key to a new one.
    package var signingKeys: [WebhookKey]

    /// Makes a route.
    package init(url: String, headers: [HTTPHeader] = [], signingKeys: [WebhookKey] = []) {
        self.url = url
        self.headers = headers
        self.signingKeys = signingKeys
    }
}

/// A header of an HTTP request.
package struct HTTPHeader: Sendable, Hashable {
    /// What tells the receiver which job it is; what frames a request is not yours either.
    private static let reserved = CurlRequest.reservedHeaders.union(["baggage", "traceparent", "tracestate"])
    private static let reservedPrefixes = ["proxy-", "spanq-", "webhook-"]

    /// As it was given; names are compared without case.
    package let name: String
    /// May be a secret: it is in no log and no error.
    package let value: String

    /// Makes a header.
    ///
    /// - Throws: `.invalidArgument` for a name that is not a token (RFC 9110, section 5.6.2) or that is SpanQueue's own, and for a value
    ///   that is empty, or has anything but ASCII characters, blanks and tabs.
    package init(name: String, value: String) throws(SpanQueueError) {
        let isToken = !name.isEmpty && name.utf8.allSatisfy(Self.isTokenByte)
        guard isToken else {
            throw SpanQueueError(.invalidArgument, "a header's name has letters, digits and hyphens, as in X-Api-Key")
        }
        let lowercased = name.lowercased()
        guard !Self.reserved.contains(lowercased), !Self.reservedPrefixes.contains(where: lowercased.hasPrefix) else {
            throw SpanQueueError(
                .invalidArgument, "the header \(name) is set by SpanQueue or by HTTP itself: leave it out")
        }
        guard !value.isEmpty, value.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7F || $0 == 0x09 }) else {
            throw SpanQueueError(
                .invalidArgument,
                "the value of the header \(name) is empty, or has a character that is not printable ASCII")
        }
        self.name = name
        self.value = value
    }

    private static func isTokenByte(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
        default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
        }
    }
}
