// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

internal import HTTPTypes
internal import NIOCore
internal import NIOHTTP1
internal import NIOHTTPTypesHTTP1
internal import NIOWebSocket
internal import SpanQueueAdmin
internal import SpanQueueServer
internal import Synchronization

/// Makes a WebSocket of a connection whose first request asks for one at the path of the events. What it refuses is answered as any
/// other request. There is one for each connection.
final class LiveUpgrader: HTTPServerProtocolUpgrader, Sendable {
    let supportedProtocol = "websocket"
    let requiredUpgradeHeaders: [String] = []

    private let responder: Responder
    private let peer: @Sendable (any Channel) -> String?
    private let viewer = Mutex<LiveViewer?>(nil)

    /// - Parameter peer: the other side's address; nil for a Unix socket.
    init(_ responder: Responder, peer: @escaping @Sendable (any Channel) -> String?) {
        self.responder = responder
        self.peer = peer
    }

    func buildUpgradeResponse(
        channel: any Channel, upgradeRequest: HTTPRequestHead, initialResponseHeaders: HTTPHeaders
    ) -> EventLoopFuture<HTTPHeaders> {
        let rules = NIOWebSocketServerUpgrader(
            shouldUpgrade: { [self] channel, head in
                guard let request = try? HTTPRequest(head, secure: false, splitCookie: false),
                    let joined = try? responder.join(request, from: peer(channel))
                else { return channel.eventLoop.makeSucceededFuture(nil) }
                viewer.withLock { $0 = joined }
                channel.closeFuture.whenComplete { [live = responder.live] _ in live.leave(joined) }
                return channel.eventLoop.makeSucceededFuture([:])
            },
            upgradePipelineHandler: { channel, _ in channel.eventLoop.makeSucceededVoidFuture() })
        return rules.buildUpgradeResponse(
            channel: channel, upgradeRequest: upgradeRequest, initialResponseHeaders: initialResponseHeaders
        ).flatMapErrorThrowing { _ in throw UpgradeRefused() }
    }

    func upgrade(context: ChannelHandlerContext, upgradeRequest: HTTPRequestHead) -> EventLoopFuture<Void> {
        guard let viewer = viewer.withLock({ $0 }) else { return context.close() }
        let socket = LiveSocket(responder.live, viewer)
        return context.eventLoop.makeCompletedFuture {
            let pipeline = context.pipeline.syncOperations
            try pipeline.addHandlers(
                [
                    WebSocketFrameEncoder(),
                    ByteToMessageHandler(WebSocketFrameDecoder(maxFrameSize: LiveSocket.largestFrame)), socket,
                ], position: .after(context.handler))
            socket.begin(try pipeline.context(handler: socket))
        }
    }
}
