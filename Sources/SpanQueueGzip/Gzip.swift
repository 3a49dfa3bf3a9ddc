// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

internal import CSpanQueueZlib

/// Compression of what is sent over HTTP.
package enum Gzip {
    /// The bytes as one gzip member; nil where memory is short.
    ///
    /// - Parameter isSmall: at the level that makes it smallest, which takes several times as long as the one that is fastest.
    package static func compress(_ bytes: [UInt8], isSmall: Bool = false) -> [UInt8]? {
        var stream = z_stream()
        guard spanqueue_gzip_init(&stream, isSmall ? Z_BEST_COMPRESSION : Z_BEST_SPEED) == Z_OK else { return nil }
        defer { deflateEnd(&stream) }
        let bound = Int(deflateBound(&stream, UInt(bytes.count)))
        guard bytes.count <= Int(UInt32.max), bound <= Int(UInt32.max) else { return nil }
        var input = bytes
        var isDone = false
        let output = [UInt8](unsafeUninitializedCapacity: bound) { buffer, count in
            input.withUnsafeMutableBufferPointer { input in
                stream.next_in = input.baseAddress
                stream.avail_in = UInt32(input.count)
                stream.next_out = buffer.baseAddress
                stream.avail_out = UInt32(buffer.count)
                // `bound` is enough for one call to finish.
                isDone = deflate(&stream, Z_FINISH) == Z_STREAM_END
                count = bound - Int(stream.avail_out)
            }
        }
        return isDone ? output : nil
    }
}
