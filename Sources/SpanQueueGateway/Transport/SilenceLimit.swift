// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import NIOCore

/// Closes a connection on which nothing has come for too long, also where TLS or HTTP/2 has never begun.
///
/// The transport pings who is silent. Of those who do not answer it asks that they go, and waits for their answer to that.
final class SilenceLimit: ChannelInboundHandler {
    typealias InboundIn = NIOAny

    /// Watches a new connection.
    static func watch(_ channel: any Channel, _ limit: Duration) -> EventLoopFuture<Void> {
        channel.eventLoop.makeCompletedFuture {
            let first = ChannelPipeline.SynchronousOperations.Position.first
            try channel.pipeline.syncOperations.addHandlers(
                [IdleStateHandler(readTimeout: TimeAmount(limit)), SilenceLimit()], position: first)
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard case .read? = event as? IdleStateHandler.IdleStateEvent else {
            context.fireUserInboundEventTriggered(event)
            return
        }
        context.close(mode: .all, promise: nil)
    }
}
