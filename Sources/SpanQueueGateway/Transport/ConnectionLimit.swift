// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import NIOCore
package import SpanQueueTelemetry
import Synchronization

/// Bounds how many connections there are at once: beyond it a new one is closed before anything of it is read, TLS included.
package final class ConnectionLimit: Sendable {
    /// Each has a file descriptor and some buffers. A client has one, a worker with a thousand slots too.
    package static let standard = 2_000

    private let most: Int
    private let count = Mutex(0)
    private let open: GaugeSeries
    private let refused: CounterSeries

    /// - Throws: where the registry has no room for its metrics.
    package init(_ most: Int = standard, _ registry: MetricsRegistry) throws(MetricsError) {
        self.most = most
        open = try registry.gauge("spanq_gateway_connections", help: "Connections that are open.").child()
        refused = try registry.counter(
            "spanq_gateway_connections_refused", help: "Connections closed at once, because there were too many."
        ).child()
    }

    /// Whether there is room for one more, which is then counted.
    func enter() -> Bool {
        let now = count.withLock { count -> Int? in
            guard count < most else { return nil }
            count += 1
            return count
        }
        guard let now else {
            refused.increment()
            return false
        }
        open.set(now)
        return true
    }

    func leave() {
        open.set(
            count.withLock { count in
                count -= 1
                return count
            })
    }

    /// Whether a new connection may stay; then it is counted until it is closed.
    func accepts(_ channel: any Channel) -> Bool {
        guard enter() else { return false }
        channel.closeFuture.whenComplete { _ in self.leave() }
        return true
    }
}
