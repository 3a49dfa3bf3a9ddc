// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import Synchronization
import Testing

/// A client that reads server-sent events over a socket of its own; or leaves them unread.
final class StreamClient: Sendable {
    struct Frame: Sendable {
        var id = ""
        var event = ""
        var data = ""

        var object: [String: Any] {
            (try? JSONSerialization.jsonObject(with: Data(data.utf8))) as? [String: Any] ?? [:]
        }
    }

    private struct State {
        var bytes: [UInt8] = []
        var isClosed = false
    }

    private let descriptor: Int32
    private let state = Mutex(State())

    /// - Parameters:
    ///   - receiveBuffer: how much the kernel takes for it, in bytes.
    ///   - reads: whether it reads.
    init(
        port: Int, _ target: String, headers: [String: String] = [:], receiveBuffer: Int32? = nil, reads: Bool = true
    ) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        if var receiveBuffer {
            setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &receiveBuffer, socklen_t(MemoryLayout<Int32>.size))
        }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(UInt16(port)).bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let status = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        try #require(status == 0)
        let fields = ["Host": "localhost:\(port)"].merging(headers) { $1 }.map { "\($0.key): \($0.value)\r\n" }.joined()
        let request = Array("GET \(target) HTTP/1.1\r\n\(fields)\r\n".utf8)
        try #require(send(descriptor, request, request.count, Int32(MSG_NOSIGNAL)) == request.count)
        if reads { read() }
    }

    /// Reads until the end, on a thread of its own.
    func read() {
        Thread.detachNewThread { [self] in
            var buffer = [UInt8](repeating: 0, count: 65_536)
            while true {
                let count = recv(descriptor, &buffer, buffer.count, 0)
                guard count > 0 else { break }
                state.withLock { $0.bytes += buffer.prefix(count) }
            }
            state.withLock { $0.isClosed = true }
        }
    }

    func close() { shutdown(descriptor, Int32(SHUT_RDWR)) }

    deinit { _ = Glibc.close(descriptor) }

    var isClosed: Bool { state.withLock { $0.isClosed } }

    private var parts: (head: String, body: [UInt8]) {
        let bytes = state.withLock { $0.bytes }
        guard let end = Data(bytes).range(of: Data("\r\n\r\n".utf8)) else { return ("", []) }
        return (String(decoding: bytes[..<end.lowerBound], as: UTF8.self), Array(bytes[end.upperBound...]))
    }

    /// All that came, chunks and frames of whatever kind.
    var all: String { String(decoding: parts.body, as: UTF8.self) }

    var head: String { parts.head }

    /// The body without the marks of its chunks (RFC 9112, section 7.1).
    var text: String {
        var rest = parts.body[...]
        var text: [UInt8] = []
        while let end = rest.firstIndex(of: UInt8(ascii: "\n")),
            let size = Int(String(decoding: rest[..<end].dropLast(), as: UTF8.self), radix: 16), size > 0
        {
            text += rest[(end + 1)...].prefix(size)
            rest = rest[(end + 1)...].dropFirst(size + 2)
        }
        return String(decoding: text, as: UTF8.self)
    }

    var frames: [Frame] {
        text.components(separatedBy: "\n\n").dropLast().compactMap { block in
            var frame = Frame()
            for line in block.split(separator: "\n") {
                let parts = line.split(separator: ":", maxSplits: 1).map { $0.trimmingCharacters(in: .whitespaces) }
                switch parts.first {
                case "id": frame.id = parts[1]
                case "event": frame.event = parts[1]
                case "data": frame.data = parts[1]
                default: break
                }
            }
            return frame.event.isEmpty ? nil : frame
        }
    }

    /// Of the frames, in the order in which they came.
    var numbers: [UInt64] { frames.compactMap { $0.id.split(separator: "-").last.flatMap { UInt64($0) } } }

    func frames(_ event: String) -> [Frame] { frames.filter { $0.event == event } }

    /// Waits until something is so; a busy machine has a minute for it.
    func wait(_ what: String, at place: SourceLocation = #_sourceLocation, until isSo: (StreamClient) -> Bool)
        async throws
    {
        try await eventually(what, at: place) { isSo(self) }
    }
}

/// Waits until something is so; a busy machine has a minute for it.
func eventually(
    _ what: String, at place: SourceLocation = #_sourceLocation, _ isSo: () async throws -> Bool
) async throws {
    let end = ContinuousClock.now + .seconds(60)
    while try await !isSo() {
        guard .now < end else {
            Issue.record("this did not come to be: \(what)", sourceLocation: place)
            throw CancellationError()
        }
        try await Task.sleep(for: .milliseconds(10))
    }
}
