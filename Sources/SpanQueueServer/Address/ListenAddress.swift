public import SpanQueue

/// Where the server listens: `127.0.0.1:9464`, `:9464`, `[::1]:9464`, `0.0.0.0:9464`, or `none`.
public enum ListenAddress: Sendable, Hashable {
    /// A host's name or address, IPv6 without brackets, and a port; 0 takes a free one.
    case tcp(host: String, port: Int)
    /// No server.
    case off

    /// `127.0.0.1:9464`, the port that exporters of OpenTelemetry use for Prometheus.
    public static let standard = ListenAddress.tcp(host: "127.0.0.1", port: 9464)

    /// Reads an address.
    ///
    /// A port alone means loopback: to be reachable from outside, an address must say so.
    /// - Throws: `.invalidArgument`, with a message that says what is understood.
    public init(_ text: String) throws(SpanQueueError) {
        if text == "none" {
            self = .off
            return
        }
        guard let colon = text.lastIndex(of: ":") else { throw Self.invalid(text, "there is no port") }
        let digits = text[text.index(after: colon)...]
        guard digits.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
            let port = Int(digits), (0...65_535).contains(port)
        else { throw Self.invalid(text, "the port is no number from 0 to 65535") }
        self = .tcp(host: try Self.host(String(text[..<colon]), of: text), port: port)
    }

    private static func host(_ host: String, of text: String) throws(SpanQueueError) -> String {
        if host.isEmpty { return "127.0.0.1" }
        if host.hasPrefix("[") {
            let address = String(host.dropFirst().dropLast())
            guard host.hasSuffix("]"), address.contains(":") else {
                throw invalid(text, "brackets are for IPv6 addresses")
            }
            return address
        }
        guard !host.contains(":") else { throw invalid(text, "an IPv6 address goes in brackets") }
        guard host.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }), !host.contains("/") else {
            throw invalid(text, "the host has a character that no host's name has")
        }
        return host == "*" ? "0.0.0.0" : host
    }

    private static func invalid(_ text: String, _ problem: String) -> SpanQueueError {
        SpanQueueError(
            .invalidArgument,
            "listen address '\(text)': \(problem); use HOST:PORT, :PORT (loopback), [IPv6]:PORT or none")
    }

    /// Whether only this machine can reach it. A name other than `localhost` is taken for one that others can reach.
    public var isLoopback: Bool {
        switch self {
        case .off: true
        case .tcp(let host, _):
            host == "::1" || host.lowercased() == "localhost" || Self.isLoopbackIPv4(host)
        }
    }

    private static func isLoopbackIPv4(_ host: String) -> Bool {
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
    }
}

extension ListenAddress: CustomStringConvertible {
    /// The address as `init(_:)` reads it.
    public var description: String {
        switch self {
        case .off: "none"
        case .tcp(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        }
    }
}
