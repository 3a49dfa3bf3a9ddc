// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation

/// A connection to a server on this machine, used byte by byte. Its calls block, on a thread of their own each: the few threads
/// of the global executor are the server's.
package final class RawClient: Sendable {
    private let descriptor: Int32

    package struct Refused: Error {
        package let code: Int32
    }

    /// Connects. A small `receiveBuffer` makes the kernel take little of an answer ahead of the reader.
    package init(port: Int, receiveBuffer: Int32? = nil, secondsToWait: Int = 20) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        if var size = receiveBuffer {
            setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<Int32>.size))
        }
        var limit = timeval(tv_sec: secondsToWait, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(UInt16(port)).bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let status = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard status == 0 else {
            let code = errno
            close(descriptor)
            throw Refused(code: code)
        }
    }

    deinit {
        close(descriptor)
    }

    /// Sends all of it; false where the connection is gone.
    @discardableResult
    package func send(_ bytes: [UInt8]) -> Bool {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            guard count > 0 else { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }

    /// The same with a text.
    @discardableResult
    package func send(_ text: String) -> Bool { send(Array(text.utf8)) }

    /// Up to `count` bytes: what is there, or the first that come; empty at the end.
    package func read(atMost count: Int) async -> [UInt8] {
        await onThread { [self] in readNow(atMost: count) }
    }

    /// The same, on the caller's thread.
    package func readNow(atMost count: Int) -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: count)
        let read = recv(descriptor, &buffer, count, 0)
        return Array(buffer.prefix(max(0, read)))
    }

    /// All until the server closes.
    package func readToEnd() async -> [UInt8] {
        var all: [UInt8] = []
        while true {
            let bytes = await read(atMost: 65_536)
            if bytes.isEmpty { return all }
            all += bytes
        }
    }

    /// What comes until the server closes, and whether it did in time; on the caller's thread.
    package func readToEndNow() -> (text: String, isClosed: Bool) {
        var all: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = recv(descriptor, &buffer, buffer.count, 0)
            guard count > 0 else {
                // A reset is an end too: bytes that nobody read were on their way.
                return (String(decoding: all, as: UTF8.self), count == 0 || errno == ECONNRESET)
            }
            all += buffer[..<count]
        }
    }

    /// One answer with a `Content-Length`, on a connection that stays open; nil where it does not come whole.
    package func readAnswer(hasBody: Bool = true) async -> Answer? {
        var bytes: [UInt8] = []
        while true {
            if let answer = Answer(bytes), !hasBody || answer.body.count >= answer.contentLength { return answer }
            let more = await read(atMost: 65_536)
            if more.isEmpty { return nil }
            bytes += more
        }
    }

    private func onThread<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async -> Value {
        await withCheckedContinuation { continuation in
            Thread.detachNewThread { continuation.resume(returning: body()) }
        }
    }
}
