// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

internal import NIOCore
internal import NIOWebSocket
internal import SpanQueueAdmin

/// Sends a viewer each frame as a text message of JSON. It reads nothing but what keeps and ends the connection.
///
/// Confined to the connection's event loop.
final class LiveSocket: ChannelInboundHandler {
    typealias InboundIn = WebSocketFrame
    typealias OutboundOut = WebSocketFrame

    /// Of those that are read: control frames have at most 125 bytes.
    static let largestFrame = 1024

    private let hub: LiveHub
    private let viewer: LiveViewer
    private var isClosing = false

    init(_ hub: LiveHub, _ viewer: LiveViewer) {
        self.hub = hub
        self.viewer = viewer
    }

    /// Begins to send, once all that stands before it in the pipeline is there.
    func begin(_ context: ChannelHandlerContext) { pump(context) }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        pump(context)
        context.fireChannelWritabilityChanged()
    }

    /// Writes what there is, while the reader takes it.
    private func pump(_ context: ChannelHandlerContext) {
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        let eventLoop = context.eventLoop
        while !isClosing, context.channel.isActive, context.channel.isWritable {
            let items = viewer.take(orWake: { eventLoop.execute { bound.value.0.pump(bound.value.1) } })
            guard let items else { return close(.goingAway, context) }
            if items.isEmpty { return }
            for item in items { context.write(wrapOutboundOut(frame(item, context)), promise: nil) }
            context.flush()
        }
    }

    private func frame(_ item: LiveViewer.Item, _ context: ChannelHandlerContext) -> WebSocketFrame {
        switch item {
        case .comment: WebSocketFrame(fin: true, opcode: .ping, data: ByteBuffer())
        case .frame(let frame):
            WebSocketFrame(fin: true, opcode: .text, data: ByteBuffer(string: hub.message(of: frame, for: viewer)))
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let frame = unwrapInboundIn(data)
        // RFC 6455, section 5.1 and 5.2: clients mask what they send, and nobody has agreed on extensions.
        guard frame.maskKey != nil, !frame.rsv1, !frame.rsv2, !frame.rsv3 else {
            return close(.protocolError, context)
        }
        switch frame.opcode {
        case .connectionClose: close(.normalClosure, context)
        case .ping:
            let answer = WebSocketFrame(fin: true, opcode: .pong, data: frame.unmaskedData)
            context.writeAndFlush(wrapOutboundOut(answer), promise: nil)
        case .pong: break
        default: close(.policyViolation, context)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        close(.protocolError, context)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case ChannelEvent.inputClosed = event { return context.close(promise: nil) }
        context.fireUserInboundEventTriggered(event)
    }

    private func close(_ code: WebSocketErrorCode, _ context: ChannelHandlerContext) {
        guard !isClosing else { return }
        isClosing = true
        var data = ByteBuffer()
        data.write(webSocketErrorCode: code)
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        context.writeAndFlush(wrapOutboundOut(WebSocketFrame(fin: true, opcode: .connectionClose, data: data)))
            .whenComplete { _ in bound.value.close(promise: nil) }
    }
}

@available(*, unavailable)
extension LiveSocket: Sendable {}
