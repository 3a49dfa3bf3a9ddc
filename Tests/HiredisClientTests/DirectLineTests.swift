// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import SpanQueueLoop
import Testing

@testable import HiredisClient

/// A transport that does what a test has written down. Its descriptor can always be read from.
private final class ScriptedTransport: Transport {
    let descriptor = open("/dev/zero", O_RDONLY)
    /// How much the next writes take, and what they end with; all, when there is nothing more.
    var writes: [TransportResult] = []
    /// What the next reads give.
    var reads: [Result<String, ScriptedEnd>] = []
    var written: [UInt8] = []
    /// Called before each read.
    var onRead: () -> Void = {}

    enum ScriptedEnd: Error {
        case wantsRead, wantsWrite, closed
    }

    deinit { Foundation.close(descriptor) }

    func finishConnecting() -> LoopInterest? { nil }

    func read(into buffer: UnsafeMutableRawBufferPointer) -> TransportResult {
        onRead()
        guard !reads.isEmpty else { return .wants(.write) }
        switch reads.removeFirst() {
        case .success(let text):
            buffer.copyBytes(from: text.utf8)
            return .moved(text.utf8.count)
        case .failure(.wantsRead): return .wants(.read)
        case .failure(.wantsWrite): return .wants(.write)
        case .failure(.closed): return .closed(RedisError(.connectionLost, "gone"))
        }
    }

    func write(_ buffer: UnsafeRawBufferPointer) -> TransportResult {
        let result = writes.isEmpty ? .moved(buffer.count) : writes.removeFirst()
        if case .moved(let count) = result { written += buffer.prefix(count) }
        return result
    }

    var hasBufferedInput: Bool { false }
    var pendingStep: String { "" }
    func close() {}
}

@Suite("A call on its caller's thread")
struct DirectLineTests {
    private let transport = ScriptedTransport()
    private let line = DirectLine(longestWait: .seconds(30))
    private let request = Request(RESPCommand("ECHO", "abc"), timeout: .seconds(5), idempotent: true)
    private let sent = "*2\r\n$4\r\nECHO\r\n$3\r\nabc\r\n"

    init() throws {
        line.transport = transport
        line.reader = try ReplyReader(maximumReplyBytes: 1024)
        line.loan.lend()
    }

    private func exchange() -> (reply: RESPReply?, rest: DirectLine.Rest?)? {
        switch line.exchange(request) {
        case .notTaken: nil
        case .replied(let reply, let rest): (reply, rest)
        case .open(let rest): (nil, rest)
        }
    }

    @Test("it writes once, reads once, and the connection is free again")
    func replied() throws {
        transport.reads = [.success("$3\r\nabc\r\n")]
        let end = try #require(exchange())
        #expect(try end.reply?.string() == "abc")
        #expect(end.rest == nil)
        #expect(String(decoding: transport.written, as: UTF8.self) == sent)
        #expect(line.output.isEmpty)
        #expect(line.loan.tryTake())
    }

    @Test("a reply may come in pieces")
    func pieces() throws {
        transport.reads = [.success("$3\r\n"), .failure(.wantsRead), .success("ab"), .success("c\r\n")]
        let end = try #require(exchange())
        #expect(try end.reply?.string() == "abc")
        #expect(end.rest == nil)
    }

    @Test("what the socket does not take is the loop's, with the connection", arguments: [0, 1, 10])
    func partialWrite(_ count: Int) throws {
        transport.writes = [count == 0 ? .wants(.write) : .moved(count)]
        // Of another: no reply can come to what was not sent.
        transport.reads = [.success("$3\r\nabc\r\n")]
        let end = try #require(exchange())
        #expect(end.reply == nil)
        #expect(end.rest?.request === request)
        #expect(end.rest?.failure == nil)
        #expect(request.mayHaveRun)
        #expect(line.output.withUnsentBytes { Array($0) } == Array(sent.utf8.dropFirst(count)))
        #expect(transport.reads.count == 1)
        #expect(!line.loan.tryTake())
    }

    @Test("an error is for the loop to judge")
    func errorReply() throws {
        transport.reads = [.success("-LOADING wait\r\n")]
        let end = try #require(exchange())
        #expect(end.reply == nil)
        #expect(end.rest?.request === request)
        #expect(end.rest?.reply?.topLevelError?.code == .loading)
        #expect(!line.loan.tryTake())
    }

    @Test("an end of the connection is for the loop to judge")
    func closed() throws {
        transport.reads = [.failure(.closed)]
        let end = try #require(exchange())
        #expect(end.rest?.failure?.code == .connectionLost)
        #expect(!line.loan.tryTake())
    }

    @Test("the loop waits for what a read has to write first")
    func wantsWrite() throws {
        transport.reads = [.failure(.wantsWrite)]
        let end = try #require(exchange())
        let rest = try #require(end.rest)
        #expect(rest.request === request && rest.failure == nil)
        #expect(!line.loan.tryTake())
    }

    @Test("behind a reply that nobody asked for the connection is given up", arguments: ["+OK\r\n", "+O", "$3"])
    func surplus(_ text: String) throws {
        transport.reads = [.success("$3\r\nabc\r\n" + text)]
        let end = try #require(exchange())
        #expect(try end.reply?.string() == "abc")
        #expect(end.rest?.failure?.code == .protocolViolation)
        #expect(!line.loan.tryTake())
    }

    @Test("bytes that are no reply are an end of the connection, and the call may have run")
    func nonsense() throws {
        transport.reads = [.success("HTTP/1.1 200 OK\r\n")]
        let end = try #require(exchange())
        let rest = try #require(end.rest)
        #expect(rest.request === request)
        #expect(rest.failure?.code == .protocolViolation)
    }

    @Test("a loop that waits for the connection is told when the call is over")
    func wanted() throws {
        transport.reads = [.success("$3\r\nabc\r\n")]
        transport.onRead = { [line] in _ = line.loan.reclaim() }
        let end = try #require(exchange())
        #expect(try end.reply?.string() == "abc")
        let rest = try #require(end.rest)
        #expect(rest.request == nil && rest.failure == nil)
        #expect(!line.loan.tryTake())
    }

    @Test("a script whose digest is not known yet goes by the loop, and so does what is large")
    func forTheLoop() {
        let script = RedisScript(name: "s", source: Array("return 1".utf8))
        let call = Request(RedisScriptCall(script, keys: [String]()), timeout: .seconds(1), idempotent: true)
        let large = RESPCommand("SET", "k", String(repeating: "x", count: 100_000))
        for request in [call, Request(large, timeout: .seconds(1), idempotent: true)] {
            guard case .notTaken = line.exchange(request) else {
                Issue.record("\(request.name) was sent")
                continue
            }
            #expect(!request.mayHaveRun)
        }
        #expect(transport.written.isEmpty)
        #expect(line.loan.tryTake())
    }
}
