// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import Synchronization

/// One connection through the proxy: a thread carries commands to Redis, another carries replies back.
///
/// A descriptor is closed once, by the second thread to end; until then it is only shut down.
final class ProxyConnection: Sendable {
    private struct State {
        /// The commands that were passed on and not answered yet.
        var unanswered: [String] = []
        var running = 2
    }

    private let client: Int32
    private let server: Int32
    private let proxy: FaultProxy
    private let state = Mutex(State())

    init(client: Int32, server: Int32, proxy: FaultProxy) {
        self.client = client
        self.server = server
        self.proxy = proxy
    }

    func start() {
        for carry in [carryCommands, carryReplies] {
            let thread = Thread { [self] in
                carry()
                end()
            }
            thread.start()
        }
    }

    /// Breaks it: the client gets a reset, not an end of file.
    func reset() {
        var linger = linger(l_onoff: 1, l_linger: 0)
        setsockopt(client, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout.size(ofValue: linger)))
        shutdown(client, Int32(SHUT_RDWR))
        shutdown(server, Int32(SHUT_RDWR))
    }

    private func end() {
        reset()
        let isLast = state.withLock { state in
            state.running -= 1
            return state.running == 0
        }
        guard isLast else { return }
        proxy.forget(self)
        close(client)
        close(server)
    }

    private func carryCommands() {
        var frames = RESPFrames()
        while let bytes = Endpoint.read(client), let commands = try? frames.feed(bytes) {
            let called = commands.map { proxy.names.name(of: $0.words) }
            proxy.state.withLock { state in for name in called { state.seen[name, default: 0] += 1 } }
            state.withLock { $0.unanswered += called }
            waitWhileHung()
            let rate = proxy.state.withLock { $0.harm.bytesPerSecond }
            if rate > 0 { sleep(.seconds(1) * (Double(bytes.count) / Double(rate))) }
            guard Endpoint.write(bytes, to: server) else { return }
        }
    }

    private func carryReplies() {
        var frames = RESPFrames()
        while let bytes = Endpoint.read(server), let replies = try? frames.feed(bytes) {
            for reply in replies {
                let name = state.withLock { $0.unanswered.isEmpty ? "" : $0.unanswered.removeFirst() }
                if proxy.takesReply(of: name) { return }
                guard passOn(Array(reply.bytes), isFirst: reply.bytes.startIndex == 0) else { return }
            }
        }
    }

    /// A late reply makes those behind it late by the same, and not by twice as much.
    private func passOn(_ bytes: [UInt8], isFirst: Bool) -> Bool {
        let harm = proxy.state.withLock { $0.harm }
        if isFirst, harm.delay + harm.jitter > .zero {
            sleep(harm.delay + harm.jitter * Double.random(in: 0...1))
        }
        waitWhileHung()
        guard harm.chunkBytes > 0 else { return Endpoint.write(bytes, to: client) }
        for start in stride(from: 0, to: bytes.count, by: harm.chunkBytes) {
            guard Endpoint.write(Array(bytes[start..<min(start + harm.chunkBytes, bytes.count)]), to: client) else {
                return false
            }
        }
        return true
    }

    private func waitWhileHung() {
        while proxy.state.withLock({ $0.harm.isHung && !$0.isClosed }) { sleep(.milliseconds(5)) }
    }

    private func sleep(_ duration: Duration) {
        let (seconds, attoseconds) = duration.components
        Thread.sleep(forTimeInterval: Double(seconds) + Double(attoseconds) * 1e-18)
    }
}
