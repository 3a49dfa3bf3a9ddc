// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

internal import HTTPTypes
internal import NIOCore
internal import NIOHTTP1
internal import NIOHTTPTypes

/// Holds one connection to its limits: it keeps the deadline of what the connection is at, and counts what waits to be read.
///
/// Confined to the connection's event loop. It stands behind the HTTP codec, so a request whose head is not complete has
/// not begun for it, and drips of a head cannot move a deadline.
final class ConnectionGuard: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    private let connections: Connections
    private var id: UInt64?
    private var timer: Scheduled<Void>?
    /// Requests whose answer is not wholly written.
    private var outstanding = 0
    private var answerBytes = 0
    private var closesAfterAnswer = false
    private var isStream = false

    init(_ connections: Connections) {
        self.connections = connections
    }

    func handlerAdded(context: ChannelHandlerContext) {
        if context.channel.isActive { begin(context) }
    }

    func channelActive(context: ChannelHandlerContext) {
        begin(context)
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        end()
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        end()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if case .head = unwrapInboundIn(data), let id {
            outstanding += 1
            if outstanding == 1 {
                connections.begin(id)
                limit(to: connections.limits.answerTimeout, context)
            }
        }
        context.fireChannelRead(data)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch unwrapOutboundIn(data) {
        case .head(let head):
            closesAfterAnswer = closesAfterAnswer || head.headerFields[.connection] == "close"
            if head.headerFields[.contentType] == "text/event-stream" { beginStream(context) }
            context.write(data, promise: promise)
        case .body where isStream: context.write(data, promise: promise)
        case .body(let buffer):
            answerBytes += buffer.readableBytes
            if let id { connections.add(buffer.readableBytes, to: id) }
            context.write(data, promise: promise)
        case .end:
            let written = promise ?? context.eventLoop.makePromise()
            let bytes = answerBytes
            answerBytes = 0
            written.futureResult.assumeIsolated().whenSuccess { [self] in finish(bytes, context) }
            context.write(data, promise: written)
        }
    }

    /// The answer has no end by itself: it is held to the pace of its reader, not to a time, and nobody has to make room for another.
    func beginStream(_ context: ChannelHandlerContext) {
        guard let id, !isStream else { return }
        isStream = true
        timer?.cancel()
        timer = nil
        connections.beginStream(id)
        let pace = StreamPace(connections.limits.streamTimeout)
        do { try context.pipeline.syncOperations.addHandler(pace, position: .first) } catch {
            context.close(promise: nil)
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        // Whoever sends no more does not read either, and would be noticed only with the next that is written.
        if isStream, case ChannelEvent.inputClosed = event { return context.close(promise: nil) }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // It goes on as a request, and is answered.
        if error is UpgradeRefused { return }
        context.fireErrorCaught(error)
    }

    private func begin(_ context: ChannelHandlerContext) {
        guard id == nil else { return }
        id = connections.open(context.channel)
        limit(to: connections.limits.requestTimeout, context)
    }

    private func end() {
        timer?.cancel()
        timer = nil
        if let id { connections.forget(id) }
        id = nil
    }

    /// All of an answer is with the kernel.
    private func finish(_ bytes: Int, _ context: ChannelHandlerContext) {
        outstanding -= 1
        guard let id else { return }
        isStream = false
        let mustClose = connections.finish(id, bytes: bytes, isLast: outstanding == 0)
        if mustClose || closesAfterAnswer {
            context.close(promise: nil)
        } else {
            limit(to: outstanding == 0 ? connections.limits.idleTimeout : connections.limits.answerTimeout, context)
        }
    }

    /// Sets the one deadline that counts from here on.
    private func limit(to time: Duration, _ context: ChannelHandlerContext) {
        timer?.cancel()
        timer = context.eventLoop.assumeIsolated().scheduleTask(in: TimeAmount(time)) { context.close(promise: nil) }
    }
}

@available(*, unavailable)
extension ConnectionGuard: Sendable {}

/// A request for an upgrade that is not granted: it is answered as any other.
package struct UpgradeRefused: Error {
    package init() {}
}

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
