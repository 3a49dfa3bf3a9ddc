// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import Synchronization

/// A proxy in front of Redis that does harm on demand: it delays replies, hands them on in pieces, breaks connections before a
/// reply gets through, or passes nothing on. It understands RESP as far as it must to tell commands and replies apart.
///
/// Two threads a connection, blocking reads and writes: the harm is in sleeping, and a thread sleeps simplest.
package final class FaultProxy: Sendable {
    /// What is done to the replies, and to the commands.
    package struct Harm: Sendable {
        /// Each read of replies is passed on this much later, and up to `jitter` more.
        package var delay = Duration.zero
        package var jitter = Duration.zero
        /// Replies leave in writes of this many bytes at most; 0 for as they come.
        package var chunkBytes = 0
        /// How many bytes a second of commands each connection takes; 0 for as many as come.
        package var bytesPerSecond = 0
        /// Nothing is passed on, in either direction, until this is false again.
        package var isHung = false

        package init() {}
    }

    struct State {
        var harm = Harm()
        var upstream: Endpoint
        var repliesToDrop: [String: Int] = [:]
        var dropped: [String: Int] = [:]
        var seen: [String: Int] = [:]
        var connections: [ObjectIdentifier: ProxyConnection] = [:]
        var isClosed = false
    }

    package let port: Int
    let names: ScriptNames
    let state: Mutex<State>
    private let listener: Int32

    package var url: String { "redis://127.0.0.1:\(port)" }

    /// Listens on a free port of loopback.
    package init(to upstream: Endpoint) throws {
        names = ScriptNames()
        state = Mutex(State(upstream: upstream))
        (listener, port) = try Endpoint.listen()
        let listener = listener
        let accepting = Thread { [weak self] in
            while true {
                let client = accept(listener, nil, nil)
                guard client >= 0 else { return }
                guard let self else {
                    close(client)
                    return
                }
                self.take(client)
            }
        }
        accepting.start()
    }

    package func stop() {
        let isFirst = state.withLock { state in
            defer { state.isClosed = true }
            return !state.isClosed
        }
        guard isFirst else { return }
        shutdown(listener, Int32(SHUT_RDWR))
        close(listener)
        reset()
    }

    /// Changes the harm from now on.
    package func set(_ change: (inout Harm) -> Void) {
        state.withLock { change(&$0.harm) }
    }

    /// New connections go there.
    package func redirect(to upstream: Endpoint) {
        state.withLock { $0.upstream = upstream }
    }

    /// Lets Redis run the next `count` calls of a script or command, and breaks the connection instead of passing on the reply.
    package func dropReplies(of name: String, count: Int) {
        state.withLock { $0.repliesToDrop[name] = count }
    }

    /// How many replies of this name were dropped so far.
    package func dropped(_ name: String) -> Int { state.withLock { $0.dropped[name, default: 0] } }

    /// How many calls of this name went to Redis so far.
    package func seen(_ name: String) -> Int { state.withLock { $0.seen[name, default: 0] } }

    /// Breaks all connections, with RST.
    package func reset() {
        for connection in state.withLock({ Array($0.connections.values) }) { connection.reset() }
    }

    package var scriptNames: [String] { names.all }

    private func take(_ client: Int32) {
        let upstream = state.withLock { $0.isClosed ? nil : $0.upstream }
        guard let upstream, let server = upstream.connect() else {
            close(client)
            return
        }
        Endpoint.prepare(client)
        let connection = ProxyConnection(client: client, server: server, proxy: self)
        state.withLock { $0.connections[ObjectIdentifier(connection)] = connection }
        connection.start()
    }

    func forget(_ connection: ProxyConnection) {
        state.withLock { $0.connections[ObjectIdentifier(connection)] = nil }
    }

    /// Whether the reply of this command is to be dropped; counts it if so.
    func takesReply(of name: String) -> Bool {
        state.withLock { state in
            guard let left = state.repliesToDrop[name], left > 0 else { return false }
            state.repliesToDrop[name] = left - 1
            state.dropped[name, default: 0] += 1
            return true
        }
    }
}
