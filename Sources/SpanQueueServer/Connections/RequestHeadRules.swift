internal import NIOCore
internal import NIOHTTP1

/// What RFC 9112 asks of a head and the codec behind this does not look at: exactly one sound `Host` (section 3.2), and an end of
/// the connection where the request asks for it in any way (section 9.3), which HTTP/1.0 does by saying nothing.
///
/// Confined to the connection's event loop. A refusal is the error of a parser that fails: it is answered with 400 when those in
/// front of it are answered, and ends the connection.
final class RequestHeadRules: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart

    private var hasRefused = false

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        // What follows a refused head is of no meaning.
        guard !hasRefused else { return }
        guard case .head(var head) = unwrapInboundIn(data) else { return context.fireChannelRead(data) }
        guard Self.hasSoundHost(head) else {
            hasRefused = true
            return context.fireErrorCaught(HTTPParserError.invalidHeaderToken)
        }
        if !head.isKeepAlive { head.headers.replaceOrAdd(name: "connection", value: "close") }
        context.fireChannelRead(wrapInboundOut(.head(head)))
    }

    private static func hasSoundHost(_ head: HTTPRequestHead) -> Bool {
        let hosts = head.headers["host"]
        guard let host = hosts.first else { return head.version.major == 1 && head.version.minor == 0 }
        return hosts.count == 1 && host.utf8.allSatisfy(isHostByte)
    }

    /// `uri-host [ ":" port ]` has letters, digits, and of the rest these (RFC 3986, section 3.2.2).
    private static func isHostByte(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
        default: "-._~%!$&'()*+,;=:[]".utf8.contains(byte)
        }
    }
}

@available(*, unavailable)
extension RequestHeadRules: Sendable {}
