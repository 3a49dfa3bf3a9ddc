// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOWebSocket
import SpanQueue
import SpanQueueAdmin
import SpanQueueServer
import Synchronization
import Testing

@testable import SpanQueueWeb

@Suite("The stream of events as a WebSocket", .serialized, .timeLimit(.minutes(3)))
struct WebSocketTests {
    @Test("has the same frames, one a message, and comes back where it was")
    func messages() async throws {
        try await WebUnderTest.run(live: .fast) { web in
            try await web.queue.enqueue(type: "t", payload: [])
            let socket = try await Socket.open(web.port, "/api/v1/events?topics=depth,jobs")
            try await eventually("frames") { socket.messages.count > 3 }
            let hello = try #require(socket.messages.first)
            #expect(hello["event"] as? String == "hello")
            #expect((hello["data"] as? [String: Any])?["topics"] as? [String] == ["depth", "jobs"])
            let id = try #require(hello["id"] as? String)
            #expect(socket.messages.dropFirst().allSatisfy { $0["event"] as? String == "depth" })
            _ = try await web.queue.engine.claim(
                ClaimRequest(queue: "default", limit: 1, lease: .hours(1), worker: "w"))
            try await eventually("the start of the job") {
                socket.messages.contains { $0["event"] as? String == "jobs" }
            }
            let again = try await Socket.open(web.port, "/api/v1/events?topics=jobs&last_event_id=\(id)")
            try await eventually("what was missed") { again.messages.count >= 2 }
            #expect(again.messages.prefix(2).map { $0["event"] as? String } == ["hello", "jobs"])
            await again.close()
            // A word on the way is answered.
            socket.send(.ping, "x")
            try await eventually("the pong") { socket.pongs == ["x"] }
            socket.send(.connectionClose, "\u{03}\u{E8}")
            try await eventually("the close") { socket.closeCode == 1000 && !socket.isOpen }
        }
    }

    @Test("who says something is shown out, and so is one with a broken frame")
    func inbound() async throws {
        try await WebUnderTest.run(live: .fast) { web in
            for (opcode, text, code) in [
                (WebSocketOpcode.text, "hello", 1008), (.binary, "x", 1008),
                (.text, String(repeating: "x", count: 2000), 1002),
            ] {
                let socket = try await Socket.open(web.port, "/api/v1/events")
                socket.send(opcode, text)
                try await eventually("the close") { !socket.isOpen }
                #expect(socket.closeCode == code)
            }
            let unmasked = try await Socket.open(web.port, "/api/v1/events")
            unmasked.send(.ping, "x", isMasked: false)
            try await eventually("the close") { !unmasked.isOpen }
            #expect(unmasked.closeCode == 1002 && unmasked.pongs.isEmpty)
        }
    }

    @Test("a page of another site, another host, a wrong parameter or path get no WebSocket")
    func refused() async throws {
        try await WebUnderTest.run(live: .fast) { (web: WebUnderTest) async throws -> Void in
            func status(_ target: String, _ headers: [String: String] = [:]) async throws -> Int {
                let all = [
                    "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
                    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
                ].merging(headers) { $1 }
                let client = try StreamClient(port: web.port, target, headers: all)
                defer { client.close() }
                try await eventually("an answer") { !client.head.isEmpty }
                return try #require(Int(client.head.split(separator: " ")[1]))
            }
            let path = "/api/v1/events"
            #expect(try await status(path) == 101)
            #expect(try await status(path, ["Origin": "http://localhost:\(web.port)"]) == 101)
            #expect(try await status(path, ["Sec-Fetch-Site": "same-origin"]) == 101)
            #expect(try await status(path, ["Origin": "http://evil.example"]) == 403)
            #expect(try await status(path, ["Sec-Fetch-Site": "cross-site"]) == 403)
            #expect(try await status(path, ["Host": "evil.example"]) == 403)
            #expect(try await status(path + "?topics=none") == 400)
            #expect(try await status(path + "?x=1") == 400)
            #expect(try await status("/api/v1/nothing") == 404)
            // An upgrade that is none is an answer like any other.
            #expect(try await status(path, ["Sec-WebSocket-Key": "", "Sec-WebSocket-Version": "1"]) == 200)
            #expect(try await status("/api/v1/session") == 200)
        }
    }

    @Test("a reader who stops reading is cut, and all are told of a stop")
    func ends() async throws {
        var limits = ConnectionLimits()
        limits.streamTimeout = .seconds(1)
        let reader = try await WebUnderTest.run(limits: limits, live: .fast) { web -> Socket in
            for number in 0..<240 { try await web.queue.enqueue(type: "t", payload: [], .queue("queue-\(number)")) }
            let reader = try await Socket.open(web.port, "/api/v1/events?topics=depth&queues=queue-1")
            let stalled = try StreamClient(
                port: web.port, "/api/v1/events",
                headers: [
                    "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
                    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
                ], receiveBuffer: 4096, reads: false)
            try await Task.sleep(for: .seconds(4))
            stalled.read()
            try await stalled.wait("the end of the stalled") { $0.isClosed }
            let seen = reader.messages.count
            try await eventually("more messages") { reader.messages.count > seen + 10 }
            return reader
        }
        try await eventually("the end") { !reader.isOpen }
        #expect(reader.closeCode == 1001)
        #expect((reader.messages.last?["data"] as? [String: Any])?["code"] as? String == "stopping")
    }
}

/// A client made of swift-nio's own parts.
private final class Socket: Sendable {
    private struct State {
        var texts: [String] = []
        var pongs: [String] = []
        var closeCode: Int?
        var isOpen = true
    }

    private let channel: any Channel
    private let state: Arc

    private final class Arc: Sendable { let state = Mutex(State()) }

    private init(_ channel: any Channel, _ state: Arc) {
        self.channel = channel
        self.state = state
    }

    static func open(_ port: Int, _ target: String) async throws -> Socket {
        let arc = Arc()
        let upgraded = MultiThreadedEventLoopGroup.singleton.any().makePromise(of: Void.self)
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let upgrader = NIOWebSocketClientUpgrader(maxFrameSize: 1 << 24) { channel, _ in
                        channel.eventLoop.makeCompletedFuture {
                            try channel.pipeline.syncOperations.addHandler(Reader(arc))
                            upgraded.succeed()
                        }
                    }
                    // What comes in one piece with the answer is the first message.
                    try channel.pipeline.syncOperations.addHTTPClientHandlers(
                        leftOverBytesStrategy: .forwardBytes,
                        withClientUpgrade: (upgraders: [upgrader], completionHandler: { _ in }))
                }
            }.connect(host: "127.0.0.1", port: port).get()
        var head = HTTPRequestHead(version: .http1_1, method: .GET, uri: target)
        head.headers.add(name: "Host", value: "localhost:\(port)")
        // A promise that is broken comes back as an error.
        channel.closeFuture.whenComplete { _ in upgraded.fail(ChannelError.eof) }
        channel.write(HTTPClientRequestPart.head(head), promise: nil)
        try await channel.writeAndFlush(HTTPClientRequestPart.end(nil)).get()
        try await upgraded.futureResult.get()
        return Socket(channel, arc)
    }

    var messages: [[String: Any]] {
        state.state.withLock { $0.texts }
            .map { (try? JSONSerialization.jsonObject(with: Data($0.utf8))) as? [String: Any] ?? [:] }
    }
    var pongs: [String] { state.state.withLock { $0.pongs } }
    var closeCode: Int? { state.state.withLock { $0.closeCode } }
    var isOpen: Bool { state.state.withLock { $0.isOpen } }

    func send(_ opcode: WebSocketOpcode, _ text: String, isMasked: Bool = true) {
        let data = ByteBuffer(bytes: text.unicodeScalars.map { UInt8($0.value) })
        channel.writeAndFlush(
            WebSocketFrame(fin: true, opcode: opcode, maskKey: isMasked ? [1, 2, 3, 4] : nil, data: data), promise: nil)
    }

    func close() async { try? await channel.close().get() }

    private final class Reader: ChannelInboundHandler {
        typealias InboundIn = WebSocketFrame

        private let arc: Arc

        init(_ arc: Arc) { self.arc = arc }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            var frame = unwrapInboundIn(data)
            arc.state.withLock { state in
                switch frame.opcode {
                case .text: state.texts.append(String(buffer: frame.data))
                case .pong: state.pongs.append(String(buffer: frame.data))
                case .connectionClose: state.closeCode = frame.data.readInteger(as: UInt16.self).map(Int.init)
                default: break
                }
            }
        }

        func channelInactive(context: ChannelHandlerContext) {
            arc.state.withLock { $0.isOpen = false }
            context.fireChannelInactive()
        }
    }
}
