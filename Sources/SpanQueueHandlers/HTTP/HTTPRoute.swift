public import SpanQueue
import SpanQueueCurl

/// Where jobs are delivered, and what goes along with each.
public struct HTTPRoute: Sendable {
    /// `http` or `https`. User and password in it are sent as basic authentication and shown nowhere.
    public var url: String
    /// Headers of your own, in this order; none by default. `Content-Type` and `User-Agent` take the place of ours.
    public var headers: [HTTPHeader]
    /// Signs each request by [Standard Webhooks](https://www.standardwebhooks.com); none, the default, for no signature. With several
    /// there is a signature for each, so that a receiver can change from an old key to a new one.
    public var signingKeys: [WebhookKey]

    /// Makes a route.
    public init(url: String, headers: [HTTPHeader] = [], signingKeys: [WebhookKey] = []) {
        self.url = url
        self.headers = headers
        self.signingKeys = signingKeys
    }
}

/// A header of an HTTP request.
public struct HTTPHeader: Sendable, Hashable {
    /// What tells the receiver which job it is; what frames a request is not yours either.
    private static let reserved = CurlRequest.reservedHeaders.union(["baggage", "traceparent", "tracestate"])
    private static let reservedPrefixes = ["proxy-", "spanq-", "webhook-"]

    /// As it was given; names are compared without case.
    public let name: String
    /// May be a secret: it is in no log and no error.
    public let value: String

    /// Makes a header.
    ///
    /// - Throws: `.invalidArgument` for a name that is not a token (RFC 9110, section 5.6.2) or that is SpanQueue's own, and for a value
    ///   that is empty, or has anything but ASCII characters, blanks and tabs.
    public init(name: String, value: String) throws(SpanQueueError) {
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
