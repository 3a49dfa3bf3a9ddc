// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Testing

@testable import HiredisClient

@Suite("The handshake")
struct HandshakeTests {
    private func reply(_ text: String, kind: RESPReply.Kind = .error) -> RESPReply {
        RESPReply(bytes: Array(text.utf8), nodes: [.init(kind: kind, value: Int64(text.utf8.count))])
    }

    @Test("a server without a password, and a database that it has not, are told for what they are")
    func refusals() throws {
        for (url, text, words) in [
            (
                "redis://:canary@h",
                "ERR AUTH <password> called without any password configured for the default user. Are you sure?",
                "this Redis has no password"
            ), ("redis://h/99", "ERR DB index is out of range", "refuses the database in the Redis URL"),
        ] {
            var handshake = Handshake(url: try RedisURL(url), name: "", scripts: [])
            let error = #expect(throws: RedisError.self) { try handshake.receive(reply(text)) }
            #expect(error?.code == .authentication && error?.message.contains(words) == true)
            #expect(error?.message.contains("canary") == false)
        }
    }

    @Test("it says only what is needed, in an order that works")
    func commands() throws {
        let script = RedisScript(name: "s", source: [])
        let url = try RedisURL("redis://u:p@h/3")
        #expect(
            Handshake(url: url, name: "n", scripts: [script]).commands.map(\.name)
                == ["AUTH", "SELECT", "CLIENT", "SCRIPT", "PING"])
        #expect(Handshake(url: try RedisURL("redis://h"), name: "", scripts: []).commands.map(\.name) == ["PING"])
    }

    @Test("an old server's error, which repeats the arguments of AUTH, does not give the password away")
    func canary() throws {
        var handshake = Handshake(url: try RedisURL("redis://:canary@h"), name: "", scripts: [])
        let text = "ERR unknown command `AUTH`, with args beginning with: `canary`"
        let error = #expect(throws: RedisError.self) { try handshake.receive(reply(text)) }
        #expect(error?.code == .authentication)
        #expect(error?.message.contains("canary") == false)
        #expect(RedisError(serverText: Array(text.utf8)).message.contains("canary") == false)
    }

    @Test("a name or script that an ACL forbids does not matter; a server that is loading does")
    func tolerance() throws {
        let script = RedisScript(name: "s", source: [])
        var handshake = Handshake(url: try RedisURL("redis://h"), name: "n", scripts: [script])
        try handshake.receive(reply("NOPERM no"))
        try handshake.receive(reply("NOPERM no"))
        #expect(!handshake.isComplete)
        let error = #expect(throws: RedisError.self) { try handshake.receive(reply("LOADING wait")) }
        #expect(error?.code == .loading)
    }

    @Test("a server that wants a password says so")
    func passwordMissing() throws {
        var handshake = Handshake(url: try RedisURL("redis://h"), name: "n", scripts: [])
        let error = #expect(throws: RedisError.self) { try handshake.receive(reply("NOAUTH Authentication required.")) }
        #expect(error?.code == .authentication)
    }

    @Test(
        "a server that lets nobody in is quoted, whatever it was asked",
        arguments: ["redis://h", "redis://u:p@h", "redis://h/3"])
    func refusals(url: String) throws {
        for (text, code) in [
            ("ERR max number of clients reached", RedisError.Code.unreachable),
            ("DENIED Redis is running in protected mode", .authentication),
        ] {
            var handshake = Handshake(url: try RedisURL(url), name: "n", scripts: [])
            let error = #expect(throws: RedisError.self) { try handshake.receive(reply(text)) }
            #expect(error?.code == code)
            #expect(error?.message.contains(text) == true)
        }
    }
}
