// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

internal import Foundation
public import SpanQueue
internal import Synchronization

#if canImport(Darwin)
    internal import Darwin
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Glibc
#endif

/// Where the server listens: `127.0.0.1:9464`, `:9464`, `[::1]:9464`, `0.0.0.0:9464`, `unix:/path`, or `none`.
public struct ListenAddress: Sendable, Hashable {
    private enum Kind: Sendable, Hashable {
        case tcp(host: String, port: Int)
        case unix(path: String)
        case off
    }

    private let kind: Kind

    private init(kind: Kind) {
        self.kind = kind
    }

    /// A host's name or address, IPv6 without brackets, and a port; 0 takes a free one.
    public static func tcp(host: String, port: Int) -> ListenAddress {
        ListenAddress(kind: .tcp(host: host, port: port))
    }

    /// A Unix socket, by its path: for the pages behind a proxy of this machine.
    public static func unix(path: String) -> ListenAddress {
        ListenAddress(kind: .unix(path: path))
    }

    /// No server.
    public static let off = ListenAddress(kind: .off)

    /// Host and port; nil for a Unix socket, and where there is to be no server.
    package var tcp: (host: String, port: Int)? {
        if case .tcp(let host, let port) = kind { (host, port) } else { nil }
    }

    /// The path of a Unix socket; nil for anything else.
    package var unixPath: String? {
        if case .unix(let path) = kind { path } else { nil }
    }

    /// The same with the port that was given out, where it has ports.
    package func with(port: Int) -> ListenAddress {
        tcp.map { .tcp(host: $0.host, port: port) } ?? self
    }

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
        if text.hasPrefix("unix:") {
            let path = String(text.dropFirst(5))
            // What fits into a sockaddr_un on each system.
            guard path.hasPrefix("/"), path.utf8.count <= 100, !path.utf8.contains(0) else {
                throw Self.invalid(text, "the path of a socket begins with / and has at most 100 bytes")
            }
            self = .unix(path: path)
            return
        }
        guard let colon = text.lastIndex(of: ":") else { throw Self.invalid(text, "there is no port") }
        let digits = text[text.index(after: colon)...]
        guard digits.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
            let port = Int(digits), (0...65_535).contains(port)
        else { throw Self.invalid(text, "the port is not a number from 0 to 65535") }
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
            "listen address '\(text)': \(problem); use HOST:PORT, :PORT (loopback), [IPv6]:PORT, unix:/path or none")
    }

    /// Whether only this machine can reach it. A name other than `localhost` is taken for one that others can reach.
    public var isLoopback: Bool {
        switch kind {
        case .off, .unix: true
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
        switch kind {
        case .off: "none"
        case .unix(let path): "unix:\(path)"
        case .tcp(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        }
    }
}

/// A socket that listens, opened before anything else starts: a taken port is then an error at once, and not one out of the
/// midst of a running process. Connections queue up in the kernel until someone takes the socket and serves them.
package final class ListeningSocket: Sendable {
    /// The port it has, also where port 0 was asked for; 0 for a Unix socket.
    package let port: Int
    /// -1 once it was taken.
    private let descriptor: Mutex<CInt>
    /// That of a Unix socket, which goes with it.
    private let path: String?

    private init(_ descriptor: CInt, port: Int, path: String? = nil) {
        self.descriptor = Mutex(descriptor)
        self.port = port
        self.path = path
    }

    deinit {
        if let path { unlink(path) }
        if let descriptor = take() { close(descriptor) }
    }

    /// Hands the descriptor to the caller, who closes it; nil for all callers but the first.
    package func take() -> CInt? {
        descriptor.withLock { descriptor in
            defer { descriptor = -1 }
            return descriptor >= 0 ? descriptor : nil
        }
    }

    /// Opens the socket of an address; nil where it is off.
    ///
    /// - Parameter option: what chooses another address, for the error.
    package static func open(
        _ address: ListenAddress, option: String = "--listen"
    ) throws(SpanQueueError) -> ListeningSocket? {
        if let (host, port) = address.tcp { return try open(host: host, port: port, option: option) }
        return if let path = address.unixPath { try open(path: path, option: option) } else { nil }
    }

    /// Opens a socket on the first address of `host` that lets us.
    ///
    /// - Parameter option: what chooses another address, for the error.
    package static func open(
        host: String, port: Int, option: String = "--listen"
    ) throws(SpanQueueError) -> ListeningSocket {
        var hints = addrinfo()
        hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV
        hints.ai_family = AF_UNSPEC
        #if canImport(Glibc)
            hints.ai_socktype = CInt(SOCK_STREAM.rawValue)
        #else
            hints.ai_socktype = SOCK_STREAM
        #endif
        var list: UnsafeMutablePointer<addrinfo>?
        let status = getaddrinfo(host, String(port), &hints, &list)
        guard status == 0, let first = list else {
            throw SpanQueueError(
                .invalidArgument,
                "can't listen on \(host): \(String(cString: gai_strerror(status))); choose another address with \(option)"
            )
        }
        defer { freeaddrinfo(list) }
        var problem: CInt = 0
        var address: UnsafeMutablePointer<addrinfo>? = first
        while let candidate = address {
            let descriptor = open(candidate.pointee)
            if descriptor >= 0 { return ListeningSocket(descriptor, port: boundPort(of: descriptor) ?? port) }
            if problem == 0 { problem = -descriptor }
            address = candidate.pointee.ai_next
        }
        throw refusal(ListenAddress.tcp(host: host, port: port), problem, option)
    }

    /// Opens a Unix socket, for its owner and group alone. One that nobody listens on any more is taken away first.
    ///
    /// - Parameter option: what chooses another address, for the error.
    package static func open(path: String, option: String) throws(SpanQueueError) -> ListeningSocket {
        let place = ListenAddress.unix(path: path)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        guard path.utf8.count < MemoryLayout.size(ofValue: address.sun_path) else {
            throw refusal(place, ENAMETOOLONG, option)
        }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        func with(_ call: (UnsafePointer<sockaddr>, socklen_t) -> CInt) -> CInt {
            withUnsafePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    call($0, socklen_t(MemoryLayout<sockaddr_un>.size))
                }
            }
        }
        let descriptor = streamSocket(AF_UNIX)
        guard descriptor >= 0 else { throw refusal(place, errno, option) }
        // A file that is none refuses connections too.
        if (try? FileManager.default.attributesOfItem(atPath: path)[.type]) as? FileAttributeType == .typeSocket {
            let other = streamSocket(AF_UNIX)
            if with({ connect(other, $0, $1) }) != 0, errno == ECONNREFUSED { unlink(path) }
            close(other)
        }
        // It must not be open to all for a moment.
        let mask = umask(0o117)
        let isBound = with({ bind(descriptor, $0, $1) }) == 0 && listen(descriptor, 128) == 0
        let problem = isBound ? 0 : errno
        umask(mask)
        guard problem == 0 else {
            close(descriptor)
            throw refusal(place, problem, option)
        }
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
        return ListeningSocket(descriptor, port: 0, path: path)
    }

    private static func streamSocket(_ family: CInt) -> CInt {
        #if canImport(Glibc)
            socket(family, CInt(SOCK_STREAM.rawValue), 0)
        #else
            socket(family, SOCK_STREAM, 0)
        #endif
    }

    /// A listening descriptor, or the negative error number.
    private static func open(_ address: addrinfo) -> CInt {
        let descriptor = socket(address.ai_family, address.ai_socktype, address.ai_protocol)
        guard descriptor >= 0 else { return -errno }
        var on: CInt = 1
        let size = socklen_t(MemoryLayout<CInt>.size)
        // Connections of a predecessor that linger must not keep the port; one that still listens does.
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, size)
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
        guard bind(descriptor, address.ai_addr, address.ai_addrlen) == 0, listen(descriptor, 128) == 0 else {
            let problem = errno
            close(descriptor)
            return -problem
        }
        return descriptor
    }

    private static func boundPort(of descriptor: CInt) -> Int? {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        return withUnsafeMutablePointer(to: &storage) { pointer in
            // Both kinds of address have the port in the same place.
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address -> Int? in
                guard getsockname(descriptor, address, &length) == 0 else { return nil }
                return address.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
                    Int(UInt16(bigEndian: $0.pointee.sin_port))
                }
            }
        }
    }

    private static func refusal(_ address: ListenAddress, _ problem: CInt, _ option: String) -> SpanQueueError {
        let advice = "choose another address with \(option) HOST:PORT, or \(option) none"
        switch problem {
        case EADDRINUSE:
            return SpanQueueError(.unavailable, "\(address) is taken by another process: \(advice)")
        case EACCES:
            return SpanQueueError(.denied, "may not listen on \(address): \(advice)")
        case EADDRNOTAVAIL:
            return SpanQueueError(.unavailable, "\(address) is not an address of this machine: \(advice)")
        default:
            let text = String(cString: strerror(problem))
            return SpanQueueError(.unavailable, "can't listen on \(address): \(text); \(advice)")
        }
    }
}
