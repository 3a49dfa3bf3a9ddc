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
