// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Testing

@testable import HiredisClient

@Suite("Encoding commands")
struct RESPCommandTests {
    private func text(_ command: RESPCommand) -> String {
        var output: [UInt8] = []
        command.encode(into: &output)
        return String(decoding: output, as: UTF8.self)
    }

    @Test("a command is an array of bulk strings")
    func plain() {
        #expect(text(RESPCommand("PING")) == "*1\r\n$4\r\nPING\r\n")
        #expect(text(RESPCommand("SET", "é", "")) == "*3\r\n$3\r\nSET\r\n$2\r\né\r\n$0\r\n\r\n")
    }

    @Test("all kinds of arguments are written alike")
    func kinds() {
        var command = RESPCommand("X")
        command.append([1, 2])
        command.append([9, 10, 11][1...])
        command.append([7 as UInt8].span.bytes)
        command.append(5)
        var output: [UInt8] = []
        command.encode(into: &output)
        let expected: [UInt8] =
            Array("*5\r\n$1\r\nX\r\n$2\r\n".utf8) + [1, 2] + Array("\r\n$2\r\n".utf8)
            + [10, 11] + Array("\r\n$1\r\n".utf8) + [7] + Array("\r\n$1\r\n5\r\n".utf8)
        #expect(output == expected)
    }

    @Test("integers are written in full", arguments: [0, 9, 10, -1, -10, 1_000_000, Int64.max, .min])
    func integers(number: Int64) {
        var command = RESPCommand("X")
        command.append(number)
        #expect(text(command) == "*2\r\n$1\r\nX\r\n$\(String(number).utf8.count)\r\n\(number)\r\n")
    }

    @Test("the count of arguments is right, however many are appended")
    func count() {
        var command = RESPCommand("X")
        for index in 0..<1234 { command.append(index) }
        var other = RESPCommand("Y")
        other.append(argumentsOf: command)
        #expect(text(command).hasPrefix("*1235\r\n"))
        #expect(text(other).hasPrefix("*1236\r\n"))
    }

    @Test("a script call goes out with its source until the digest is known, and then with the digest")
    func script() {
        let script = RedisScript(name: "one", source: Array("return 1".utf8))
        let call = RedisScriptCall(script, keys: ["k"]) { $0.append(7) }
        let request = Request(call, timeout: .seconds(1), idempotent: true)
        var output: [UInt8] = []
        request.encode(into: &output)
        let tail = "$1\r\n1\r\n$1\r\nk\r\n$1\r\n7\r\n"
        #expect(String(decoding: output, as: UTF8.self) == "*5\r\n$4\r\nEVAL\r\n$8\r\nreturn 1\r\n" + tail)

        let digest = String(repeating: "ab", count: 20)
        let reply = RESPReply(bytes: Array(digest.utf8), nodes: [.init(kind: .string, offset: 0, value: 40)])
        script.learn(from: reply)
        output = []
        request.encode(into: &output)
        #expect(String(decoding: output, as: UTF8.self) == "*5\r\n$7\r\nEVALSHA\r\n$40\r\n\(digest)\r\n" + tail)
    }
}
