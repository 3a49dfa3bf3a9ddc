// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueueLoop

/// Bytes to and from a server, without ever blocking: a socket, or TLS on one.
protocol Transport: AnyObject {
    var descriptor: Int32 { get }

    /// Called when the descriptor is first writable, and then whenever it is ready for what the last call wanted.
    ///
    /// - Returns: what to wait for before the next call; nil once the connection can be used.
    /// - Throws: the reason if the connection did not come about.
    func finishConnecting() throws(RedisError) -> LoopInterest?

    /// A read that does not fill the buffer has taken all that there was, unless ``hasBufferedInput`` says otherwise.
    func read(into buffer: UnsafeMutableRawBufferPointer) -> TransportResult
    /// After `wants`, the same bytes must come first in the next call.
    func write(_ buffer: UnsafeRawBufferPointer) -> TransportResult

    /// Whether there is something to read that the descriptor does not show.
    var hasBufferedInput: Bool { get }

    /// What is still missing before the connection can be used, for the message when time is up: "no connection".
    var pendingStep: String { get }

    /// At most once; nothing else is called after it.
    func close()
}

/// What came of a ``Transport``'s read or write.
enum TransportResult {
    case moved(Int)
    /// Nothing moved; try again when the descriptor is ready for this. With TLS a read may have to write first, and the other way
    /// round.
    case wants(LoopInterest)
    case closed(RedisError)
}

/// Encoded commands on their way out.
struct WriteBuffer {
    /// A flush is not made larger than this, so that a long queue does not turn into one huge allocation.
    static let flushLimit = 256 * 1024
    /// A buffer that one huge command has blown up is given back.
    private static let keptCapacity = 1024 * 1024

    private var bytes: [UInt8] = []
    private var sent = 0

    var isEmpty: Bool { sent == bytes.count }
    var isFull: Bool { bytes.count - sent >= Self.flushLimit }

    mutating func append(_ encode: (inout [UInt8]) -> Void) {
        encode(&bytes)
    }

    func withUnsentBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        bytes.withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0[sent...])) }
    }

    mutating func markSent(_ count: Int) {
        sent += count
        if isEmpty { removeAll() }
    }

    mutating func removeAll() {
        bytes.removeAll(keepingCapacity: bytes.capacity <= Self.keptCapacity)
        sent = 0
    }
}
