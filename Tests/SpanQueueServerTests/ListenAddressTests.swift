// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

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
            "[127.0.0.1]:80", "http://localhost:80", "a b:80", "NONE", "[]:80", "é:80",
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
}
