internal import HTTPTypes
internal import NIOCore
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
            context.write(data, promise: promise)
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
