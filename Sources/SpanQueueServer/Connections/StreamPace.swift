// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

internal import NIOCore

/// Closes a connection whose reader leaves for too long what was sent to it. It stands at the socket, so what it sees written the kernel
/// has taken.
///
/// Confined to the connection's event loop.
final class StreamPace: ChannelOutboundHandler, RemovableChannelHandler {
    typealias OutboundIn = Any

    private let limit: TimeAmount
    private var timer: Scheduled<Void>?
    private var unwritten = 0

    init(_ limit: Duration) {
        self.limit = TimeAmount(limit)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        timer?.cancel()
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        let written = promise ?? context.eventLoop.makePromise()
        unwritten += 1
        if timer == nil { restart(context) }
        written.futureResult.assumeIsolated().whenComplete { [self] result in
            unwritten -= 1
            timer?.cancel()
            timer = nil
            if case .success = result, unwritten > 0 { restart(context) }
        }
        context.write(data, promise: written)
    }

    private func restart(_ context: ChannelHandlerContext) {
        timer = context.eventLoop.assumeIsolated().scheduleTask(in: limit) { context.close(promise: nil) }
    }
}

@available(*, unavailable)
extension StreamPace: Sendable {}
