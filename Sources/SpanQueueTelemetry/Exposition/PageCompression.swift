internal import CSpanQueueZlib

/// gzip for pages.
enum PageCompression {
    /// The fastest level: a page of metrics shrinks to a tenth at any.
    private static let level: Int32 = 1

    /// `bytes` as one gzip member; nil where zlib has no memory or too many bytes.
    static func gzip(_ bytes: [UInt8]) -> [UInt8]? {
        var stream = z_stream()
        guard bytes.count <= Int(UInt32.max), spanqueue_gzip_init(&stream, level) == Z_OK else { return nil }
        defer { deflateEnd(&stream) }
        let bound = Int(deflateBound(&stream, uLong(bytes.count)))
        guard bound <= Int(UInt32.max) else { return nil }
        var isDone = false
        let compressed = [UInt8](unsafeUninitializedCapacity: bound) { output, count in
            bytes.withUnsafeBufferPointer { input in
                // zlib only reads what next_in points at; its type lacks the const.
                stream.next_in = UnsafeMutablePointer(mutating: input.baseAddress)
                stream.avail_in = UInt32(input.count)
                stream.next_out = output.baseAddress
                stream.avail_out = UInt32(output.count)
                isDone = deflate(&stream, Z_FINISH) == Z_STREAM_END
            }
            count = Int(stream.total_out)
        }
        return isDone ? compressed : nil
    }
}
