// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

private import CSpanQueueHiredis

/// Turns bytes, in pieces of any size, into replies. hiredis parses; what it sees is stored as it sees it, so a reply
/// that arrives in many pieces simply goes on growing until hiredis says that it is whole.
///
/// Not `Sendable`: it belongs to one connection. After an error it is of no more use, like the connection.
final class ReplyReader {
    /// What hiredis is fed at once; see ``feed(_:)``.
    static let pieceSize = 8 * 1024

    private let parser: UnsafeMutablePointer<spanqueue_reader>
    private let maximumReplyBytes: Int

    private var bytes: [UInt8] = []
    private var nodes: [RESPReply.Node] = []
    /// Values still to come before the reply is whole.
    private var missing = 1
    private var sawUnknownKind = false

    /// - Parameter maximumReplyBytes: what one reply may take in memory, at most 4 GiB.
    init(maximumReplyBytes: Int) throws(RedisError) {
        guard let parser = spanqueue_reader_create(onReplyItem, nil) else {
            throw RedisError(.outOfMemory, "no memory for a connection")
        }
        self.parser = parser
        self.maximumReplyBytes = min(maximumReplyBytes, Int(UInt32.max))
        // Unretained: the parser calls back only from inside `next()`, and is freed in `deinit`.
        parser.pointee.context = Unmanaged.passUnretained(self).toOpaque()
    }

    deinit {
        spanqueue_reader_free(parser)
    }

    /// Takes in a piece. Keep it at 16 KiB or less, and call ``next()`` until it is nil before the next one: hiredis moves
    /// what is left in its buffer after each KiB that it has parsed.
    func feed(_ piece: UnsafeRawBufferPointer) throws(RedisError) {
        guard spanqueue_reader_feed(parser, piece.baseAddress, piece.count) == REDIS_OK else { throw parserError() }
    }

    /// The next whole reply; nil if more bytes are needed.
    func next() throws(RedisError) -> RESPReply? {
        let result = spanqueue_reader_next(parser)
        guard result >= 0 else { throw parserError() }
        guard bytes.count + nodes.count * MemoryLayout<RESPReply.Node>.stride + bufferedBytes <= maximumReplyBytes
        else {
            throw RedisError(
                .protocolViolation, "a reply of Redis is larger than \(maximumReplyBytes) bytes: ask for less at once",
                mayHaveRun: true
            )
        }
        guard result > 0 else { return nil }
        guard missing == 0, !sawUnknownKind else {
            // A newer hiredis parses RESP3's types, which nobody asked Redis for, and has no callback for some.
            throw RedisError(.protocolViolation, "Redis sent a reply that is not RESP2", mayHaveRun: true)
        }
        defer {
            bytes = []
            nodes = []
            missing = 1
        }
        return RESPReply(bytes: bytes, nodes: nodes)
    }

    /// The first reply that ends in these bytes, if one does; all of them are taken in. See ``isBetweenReplies``.
    func first(in bytes: UnsafeRawBufferPointer) throws(RedisError) -> RESPReply? {
        var first: RESPReply?
        var rest = bytes[...]
        while !rest.isEmpty {
            try feed(UnsafeRawBufferPointer(rebasing: rest.prefix(Self.pieceSize)))
            rest = rest.dropFirst(Self.pieceSize)
            if first == nil { first = try next() }
        }
        return first
    }

    /// Whether nothing has come in that is not part of a reply that was handed out.
    var isBetweenReplies: Bool { missing == 1 && bufferedBytes == 0 }

    private var bufferedBytes: Int { spanqueue_reader_buffered(parser) }

    fileprivate func item(type: Int32, content: UnsafeRawBufferPointer, number: Int64) {
        missing -= 1
        switch type {
        case REDIS_REPLY_STRING: appendText(.string, content)
        case REDIS_REPLY_STATUS: appendText(.status, content)
        case REDIS_REPLY_ERROR: appendText(.error, content)
        case REDIS_REPLY_INTEGER: nodes.append(.init(kind: .integer, value: number))
        case REDIS_REPLY_NIL: nodes.append(.init(kind: .null))
        case REDIS_REPLY_ARRAY:
            nodes.append(.init(kind: .array, value: number))
            missing += Int(number)
        default: sawUnknownKind = true
        }
    }

    private func appendText(_ kind: RESPReply.Kind, _ content: UnsafeRawBufferPointer) {
        // Cannot wrap to a wrong place unseen: `next()` refuses the reply before anyone reads it.
        nodes.append(.init(kind: kind, offset: UInt32(truncatingIfNeeded: bytes.count), value: Int64(content.count)))
        bytes.append(contentsOf: content)
    }

    private func parserError() -> RedisError {
        let reason = String(cString: spanqueue_reader_error(parser))
        // An alert: the first byte of a record of TLS.
        if reason.contains(#"got "\x15""#) {
            return RedisError(.tls, "the server speaks TLS on this port: write rediss:// in the Redis URL")
        }
        return RedisError(
            .protocolViolation, "this is not a Redis server, or something changed its bytes: \(reason)",
            mayHaveRun: true
        )
    }
}

private func onReplyItem(
    context: UnsafeMutableRawPointer?, type: Int32, content: UnsafePointer<CChar>?, length: Int, number: Int64
) {
    // `init` sets the context before the first call.
    guard let context else { return }
    let content = UnsafeRawBufferPointer(start: content, count: length)
    // Without a retain for each item: `next()` holds the reader.
    Unmanaged<ReplyReader>.fromOpaque(context)._withUnsafeGuaranteedRef { reader in
        reader.item(type: type, content: content, number: number)
    }
}
