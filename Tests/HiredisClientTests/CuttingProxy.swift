// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import NIOConcurrencyHelpers
import RedisServerFixture
import Synchronization

/// Stands between a client and a server on the loopback, and hands their bytes on in pieces of its own; or closes the connection where
/// so many have come from the server.
final class CuttingProxy: Sendable {
    let port: Int
    private let listener: Int32
    private let target: Int
    private let limit = NIOLockedValueBox<Int?>(nil)
    private let passed = NIOLockedValueBox(0)

    /// - Parameter target: the server's port on 127.0.0.1.
    init(to target: Int) throws {
        self.target = target
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        port = try freePort()
        var on: Int32 = 1
        setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, 4)
        var address = Self.address(port)
        let size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(listener, $0, size) }
        }
        guard bound == 0, listen(listener, 16) == 0 else { throw POSIXError(.EADDRINUSE) }
        Thread.detachNewThread { [self] in
            while case let client = accept(listener, nil, nil), client >= 0 { serve(client) }
        }
    }

    /// Closes the connections to come after so many bytes from the server, all of them one by one; nil for none.
    func cut(after bytes: Int?) {
        limit.withLockedValue { $0 = bytes }
        passed.withLockedValue { $0 = 0 }
    }

    /// How many bytes from the server were handed on since the last `cut(after:)`.
    var passedBytes: Int { passed.withLockedValue { $0 } }

    func stop() {
        shutdown(listener, Int32(SHUT_RDWR))
        close(listener)
    }

    private func serve(_ client: Int32) {
        let server = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = Self.address(target)
        let size = socklen_t(MemoryLayout<sockaddr_in>.size)
        _ = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(server, $0, size) }
        }
        for descriptor in [client, server] {
            var on: Int32 = 1
            setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, 4)
        }
        let limit = limit.withLockedValue { $0 }
        let both = Both()
        Thread.detachNewThread { [self] in
            copy(from: server, to: client, limit: limit, counts: true)
            both.end(client, server)
        }
        Thread.detachNewThread { [self] in
            copy(from: client, to: server, limit: nil, counts: false)
            both.end(client, server)
        }
    }

    /// Byte by byte.
    private func copy(from source: Int32, to target: Int32, limit: Int?, counts: Bool) {
        var buffer = [UInt8](repeating: 0, count: 4096)
        var total = 0
        while case let count = recv(source, &buffer, buffer.count, 0), count > 0 {
            for index in 0..<count {
                if let limit, total == limit { return }
                guard send(target, [buffer[index]], 1, Int32(MSG_NOSIGNAL)) == 1 else { return }
                total += 1
                if counts { passed.withLockedValue { $0 += 1 } }
            }
            if let limit, total == limit { return }
        }
    }

    private static func address(_ port: Int) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        return address
    }
}

/// Closes both ends when the second direction is over, and ends the other direction with the first.
private final class Both: Sendable {
    private let open = Atomic<Int>(2)

    func end(_ one: Int32, _ other: Int32) {
        shutdown(one, Int32(SHUT_RDWR))
        shutdown(other, Int32(SHUT_RDWR))
        guard open.subtract(1, ordering: .acquiringAndReleasing).newValue == 0 else { return }
        close(one)
        close(other)
    }
}
