// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import Synchronization
import Testing

@testable import HiredisClient

@Suite("A server that says something and hangs up", .timeLimit(.minutes(1)))
struct LastWordsTests {
    /// Says its words to all who come, and hangs up: at once, or when it has heard something.
    private final class RudeServer: Sendable {
        let path = "/tmp/spanq-rude-\(UUID().uuidString.prefix(8))"
        private let descriptor: Int32

        init(_ words: String, listens: Bool) throws {
            #if canImport(Darwin)
                descriptor = socket(AF_UNIX, SOCK_STREAM, 0)
            #else
                descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
            #endif
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8.prefix($0.count - 1)) }
            let size = socklen_t(MemoryLayout<sockaddr_un>.size)
            let isBound = withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, size) == 0 }
            }
            try #require(isBound && listen(descriptor, 16) == 0)
            let (listener, bytes) = (descriptor, Array(words.utf8))
            Thread.detachNewThread {
                while true {
                    let client = accept(listener, nil, nil)
                    guard client >= 0 else { return }
                    var heard = [UInt8](repeating: 0, count: 100)
                    if listens { _ = read(client, &heard, heard.count) }
                    _ = bytes.withUnsafeBytes { send(client, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
                    close(client)
                }
            }
        }

        func stop() {
            shutdown(descriptor, Int32(SHUT_RDWR))
            close(descriptor)
            unlink(path)
        }
    }

    @Test(
        "is quoted, whatever it says and whenever it hangs up",
        arguments: [
            "ERR max number of clients reached", "DENIED Redis is running in protected mode",
            "ERR proxy: no backend is there", "NOPERM this user may not connect now", "GOAWAY the node is being moved",
            "LOADING Redis is loading the dataset in memory",
        ], [true, false])
    func quoted(words: String, listens: Bool) async throws {
        let server = try RudeServer("-\(words)\r\n", listens: listens)
        defer { server.stop() }
        try await withClient(url: "unix://\(server.path)") { client in
            let error = await redisError { try await client.connect(timeout: .seconds(2)) }
            #expect(error?.message.contains(words) == true, "\(error?.message ?? "")")
            #expect(error?.mayHaveRun == false)
        }
    }

    @Test("what a server without commands under way says unasked is in the error that ends the connection")
    func unasked() {
        let bytes = Array("ERR idle for too long".utf8)
        let reply = RESPReply(bytes: bytes, nodes: [.init(kind: .error, value: Int64(bytes.count))])
        #expect(RedisError.unasked(reply).message.hasSuffix(": ERR idle for too long"))
    }
}
