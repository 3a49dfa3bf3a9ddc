// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

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
