// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import Synchronization

/// Takes HTTP requests, answers each with 200, and keeps every byte that it got.
final class ByteSink: Sendable {
    let port: Int
    private let listener: Int32
    private let received = Mutex<[UInt8]>([])

    init() throws {
        (listener, port) = try Endpoint.listen()
        let listener = listener
        Thread.detachNewThread { [weak self] in
            while true {
                let client = accept(listener, nil, nil)
                guard client >= 0 else { return }
                guard let self else { return _ = close(client) }
                Thread.detachNewThread { self.take(client) }
            }
        }
    }

    func stop() {
        shutdown(listener, Int32(SHUT_RDWR))
        close(listener)
    }

    var text: String { received.withLock { String(decoding: $0, as: UTF8.self) } }

    private func take(_ client: Int32) {
        while let bytes = Endpoint.read(client) {
            received.withLock { $0 += bytes }
            // A request ends where its JSON does; one that comes in pieces is answered with its last.
            guard bytes.last == UInt8(ascii: "}") else { continue }
            let answer = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-type: application/json\r\n\r\n{}"
            guard Endpoint.write([UInt8](answer.utf8), to: client) else { break }
        }
        close(client)
    }
}
