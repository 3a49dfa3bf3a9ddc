// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import NIOConcurrencyHelpers
import RedisServerFixture

@testable import HiredisClient

/// Answers as a Sentinel does, whatever a test wants it to say.
final class FakeSentinel: Sendable {
    struct State {
        var primary: RedisAddress
        var epoch = 1
        /// By channel.
        var listeners: [String: [Int32]] = [:]
        /// Calls of `SENTINEL GET-MASTER-ADDR-BY-NAME`.
        var questions = 0
        var descriptors: [Int32] = []
    }

    let port: Int
    private let listener: Int32
    /// Not a `Mutex`, which the thread sanitizer does not see.
    private let state: NIOLockedValueBox<State>

    init(primary: RedisAddress) throws {
        state = NIOLockedValueBox(State(primary: primary))
        port = try freePort()
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(listener, $0, size) }
        }
        guard bound == 0, listen(listener, 16) == 0 else { throw POSIXError(.EADDRINUSE) }
        Thread.detachNewThread { [self] in
            while case let client = accept(listener, nil, nil), client >= 0 {
                state.withLockedValue { $0.descriptors.append(client) }
                Thread.detachNewThread { [self] in serve(client) }
            }
        }
    }

    var url: String { "redis-sentinel://127.0.0.1:\(port)/mymaster" }
    var questions: Int { state.withLockedValue { $0.questions } }
    /// Whether somebody listens to all that it may say.
    var isHeard: Bool {
        state.withLockedValue { state in
            SentinelNews.allCases.allSatisfy { !(state.listeners[$0.rawValue] ?? []).isEmpty }
        }
    }

    /// From now on it names another one.
    func name(_ primary: RedisAddress) {
        state.withLockedValue { state in
            state.primary = primary
            state.epoch += 1
        }
    }

    /// Tells those who listen.
    func publish(_ primary: RedisAddress, service: String = "mymaster") {
        publish("\(service) 127.0.0.1 1 \(primary.host) \(primary.port)", on: .switched)
    }

    /// Tells those who listen as the leader of a failover does, which is not over yet.
    func publish(promoted primary: RedisAddress, service: String = "mymaster") {
        publish("slave any-name \(primary.host) \(primary.port) @ \(service) 127.0.0.1 1", on: .promoted)
    }

    /// Tells those who listen as the leader does before.
    func publish(chosen replica: RedisAddress) {
        publish("slave any-name \(replica.host) \(replica.port) @ mymaster 127.0.0.1 1", on: .chosen)
    }

    private func publish(_ text: String, on news: SentinelNews) {
        let channel = news.rawValue
        let message =
            "*3\r\n$7\r\nmessage\r\n$\(channel.utf8.count)\r\n\(channel)\r\n$\(text.utf8.count)\r\n\(text)\r\n"
        for listener in state.withLockedValue({ $0.listeners[channel] ?? [] }) { write(message, to: listener) }
    }

    func stop() {
        shutdown(listener, Int32(SHUT_RDWR))
        close(listener)
        for descriptor in state.withLockedValue({ $0.descriptors }) { shutdown(descriptor, Int32(SHUT_RDWR)) }
    }

    private func serve(_ client: Int32) {
        defer { close(client) }
        guard let reader = try? ReplyReader(maximumReplyBytes: 1 << 20) else { return }
        var buffer = [UInt8](repeating: 0, count: 4096)
        while case let count = recv(client, &buffer, buffer.count, 0), count > 0 {
            do {
                try buffer[..<count].withUnsafeBytes { try reader.feed($0) }
                // Commands are arrays of strings, as replies may be.
                while let command = try reader.next() {
                    var cursor = RESPCursor(command)
                    let words = try (0..<cursor.nextArrayCount()).map { _ in try cursor.nextString() }
                    write(answer(words, client), to: client)
                }
            } catch {
                return
            }
        }
        state.withLockedValue { state in
            for channel in state.listeners.keys { state.listeners[channel]?.removeAll { $0 == client } }
        }
    }

    private func answer(_ words: [String], _ client: Int32) -> String {
        state.withLockedValue { state in
            switch (words[0], words.count > 1 ? words[1] : "") {
            case ("PING", _): return "+PONG\r\n"
            case ("SENTINEL", "GET-MASTER-ADDR-BY-NAME"):
                state.questions += 1
                let (host, port) = (state.primary.host, "\(state.primary.port)")
                return "*2\r\n$\(host.utf8.count)\r\n\(host)\r\n$\(port.utf8.count)\r\n\(port)\r\n"
            case ("SENTINEL", "MASTER"):
                let epoch = "\(state.epoch)"
                return "*2\r\n$12\r\nconfig-epoch\r\n$\(epoch.utf8.count)\r\n\(epoch)\r\n"
            case ("SENTINEL", _): return "*0\r\n"
            case ("SUBSCRIBE", let channel):
                state.listeners[channel, default: []].append(client)
                return "*3\r\n$9\r\nsubscribe\r\n$\(channel.utf8.count)\r\n\(channel)\r\n:1\r\n"
            default: return "+OK\r\n"
            }
        }
    }

    private func write(_ text: String, to descriptor: Int32) {
        _ = send(descriptor, text, text.utf8.count, Int32(MSG_NOSIGNAL))
    }
}
