// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import SpanQueue
import Testing

@testable import SpanQueueServer

@Suite("Listen addresses")
struct ListenAddressTests {
    @Test(
        "addresses are read as people write them",
        arguments: [
            ("127.0.0.1:9464", ListenAddress.tcp(host: "127.0.0.1", port: 9464), true),
            (":9464", .tcp(host: "127.0.0.1", port: 9464), true),
            (":0", .tcp(host: "127.0.0.1", port: 0), true),
            ("[::1]:9464", .tcp(host: "::1", port: 9464), true),
            ("localhost:80", .tcp(host: "localhost", port: 80), true),
            ("127.1.2.3:80", .tcp(host: "127.1.2.3", port: 80), true),
            ("0.0.0.0:9464", .tcp(host: "0.0.0.0", port: 9464), false),
            ("*:9464", .tcp(host: "0.0.0.0", port: 9464), false),
            ("[::]:9464", .tcp(host: "::", port: 9464), false),
            ("metrics.internal:65535", .tcp(host: "metrics.internal", port: 65_535), false),
            ("127.example.com:80", .tcp(host: "127.example.com", port: 80), false),
            ("127.1:80", .tcp(host: "127.1", port: 80), false),
            ("unix:/run/spanq/web.sock", .unix(path: "/run/spanq/web.sock"), true),
            ("none", .off, true),
        ])
    func parses(text: String, address: ListenAddress, isLoopback: Bool) throws {
        let parsed = try ListenAddress(text)
        #expect(parsed == address)
        #expect(parsed.isLoopback == isLoopback)
        #expect(try ListenAddress(parsed.description) == parsed)
    }

    @Test(
        "anything else is refused with what would be understood",
        arguments: [
            "", "9464", "localhost", "localhost:", ":65536", ":-1", ":+1", ":9a", "::1:9464", "[::1]", "[::1:80",
            "[127.0.0.1]:80", "http://localhost:80", "a b:80", "NONE", "[]:80", "é:80", "unix:", "unix:web.sock",
            "unix:/" + String(repeating: "x", count: 100),
        ])
    func refuses(text: String) {
        let error = #expect(throws: SpanQueueError.self) { try ListenAddress(text) }
        #expect(error?.code == .invalidArgument)
        #expect(error?.message.contains("use HOST:PORT") == true)
    }

    @Test("the standard address is loopback")
    func standard() {
        #expect(ListenAddress.standard.description == "127.0.0.1:9464")
        #expect(ListenAddress.standard.isLoopback)
    }

    @Test(
        "a Unix socket is for its owner and group, takes the place of one that nobody listens on, and of nothing else")
    func unix() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
            "spanq-\(UUID().uuidString.prefix(8))")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.appendingPathComponent("s").path
        let address = ListenAddress.unix(path: path)
        func mode() throws -> Int? {
            try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
        }
        var first = try ListeningSocket.open(address)
        #expect(try mode() == 0o660)
        let taken = #expect(throws: SpanQueueError.self) { try ListeningSocket.open(address) }
        #expect(taken?.code == .unavailable && first != nil)
        first = nil
        #expect(!FileManager.default.fileExists(atPath: path))
        // What a process that was killed leaves behind.
        let left = try #require(try ListeningSocket.open(address))
        let descriptor = try #require(left.take())
        close(descriptor)
        #expect(FileManager.default.fileExists(atPath: path))
        let second = try ListeningSocket.open(address)
        #expect(second != nil)
        let file = folder.appendingPathComponent("file").path
        try Data("x".utf8).write(to: URL(fileURLWithPath: file))
        #expect(throws: SpanQueueError.self) { try ListeningSocket.open(.unix(path: file)) }
        #expect(try String(contentsOfFile: file, encoding: .utf8) == "x")
        #expect(throws: SpanQueueError.self) { try ListeningSocket.open(.unix(path: folder.path + "/none/s")) }
    }
}
