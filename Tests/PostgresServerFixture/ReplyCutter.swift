// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import HeldProcess
import Synchronization

/// Stands between clients and a ``PostgresServer``. Told so, it cuts a connection where the server answers, instead of handing the
/// answer on.
package final class ReplyCutter: Sendable {
    /// With the socket that clients connect to.
    package var directory: String { place.path }
    private let place: HeldDirectory
    private let listener: Int32
    private let target: String
    private let cuts = Atomic(false)
    private let cutsNext = Atomic(false)

    package init(to server: PostgresServer) throws {
        target = server.socketPath
        place = try PostgresServer.makeDirectory()
        listener = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        let bound = Self.with(place.path + "/.s.PGSQL.5432") { [listener] in bind(listener, $0, $1) }
        guard bound == 0, listen(listener, 16) == 0 else { throw POSIXError(.EADDRINUSE) }
        Thread.detachNewThread { [self] in
            while case let client = accept(listener, nil, nil), client >= 0 { serve(client) }
        }
    }

    /// From now on the first answer on each connection ends it.
    package func cut(_ isOn: Bool) { cuts.store(isOn, ordering: .releasing) }

    /// The next answer, on whatever connection, ends that.
    package func cutNext(_ isOn: Bool) { cutsNext.store(isOn, ordering: .releasing) }

    package func stop() {
        shutdown(listener, Int32(SHUT_RDWR))
        close(listener)
        place.remove()
    }

    private func serve(_ client: Int32) {
        let server = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        guard Self.with(target, { connect(server, $0, $1) }) == 0 else {
            close(client)
            close(server)
            return
        }
        let open = Mutex(2)
        let end: @Sendable () -> Void = {
            shutdown(client, Int32(SHUT_RDWR))
            shutdown(server, Int32(SHUT_RDWR))
            let isLast = open.withLock { open in
                open -= 1
                return open == 0
            }
            guard isLast else { return }
            close(client)
            close(server)
        }
        Thread.detachNewThread {
            self.copy(from: server, to: client, isAnswer: true)
            end()
        }
        Thread.detachNewThread {
            self.copy(from: client, to: server, isAnswer: false)
            end()
        }
    }

    private func copy(from source: Int32, to target: Int32, isAnswer: Bool) {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while case let count = recv(source, &buffer, buffer.count, 0), count > 0 {
            if isAnswer, cuts.load(ordering: .acquiring) || cutsNext.exchange(false, ordering: .acquiringAndReleasing) {
                return
            }
            var sent = 0
            while sent < count {
                let step = buffer.withUnsafeBytes { bytes in
                    let rest = UnsafeRawBufferPointer(rebasing: bytes[sent..<count])
                    return send(target, rest.baseAddress, rest.count, Int32(MSG_NOSIGNAL))
                }
                guard step > 0 else { return }
                sent += step
            }
        }
    }

    private static func with(_ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8.prefix($0.count - 1)) }
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }
}
