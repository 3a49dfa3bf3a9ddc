// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

@testable import HiredisClient

extension FuzzTarget {
    /// RESP in pieces of any size. The first byte says how large: the replies must be those of the whole.
    static let replies = FuzzTarget(
        "replies",
        seeds: [
            "\u{1}+OK\r\n:42\r\n$3\r\nabc\r\n$-1\r\n",
            "\u{3}*3\r\n$1\r\na\r\n*2\r\n:1\r\n:-9223372036854775808\r\n*-1\r\n",
            "\u{7}-NOSCRIPT No matching script\r\n-ERR unknown command 'X', with args beginning with: 'secret'\r\n",
            "\u{2}*0\r\n$0\r\n\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n", "\u{5}*1\r\n$7\r\na\r\nb\r\nc\r\n",
        ]
    ) { input in
        guard let size = input.first else { return }
        let stream = Array(input.dropFirst())
        let whole = outcome(of: stream, pieces: 16 << 10)
        let pieces = outcome(of: stream, pieces: Int(size % 64) + 1)
        precondition(whole == pieces, "what is read depends on the pieces in which it came")
        for reply in whole.replies { walk(reply) }
    }

    private struct Outcome: Equatable {
        var replies: [RESPReply] = []
        var isRefused = false
    }

    private static func outcome(of stream: [UInt8], pieces size: Int) -> Outcome {
        var outcome = Outcome()
        do {
            let reader = try ReplyReader(maximumReplyBytes: 1 << 20)
            var rest = stream[...]
            while !rest.isEmpty {
                let piece = Array(rest.prefix(size))
                rest = rest.dropFirst(size)
                try piece.withUnsafeBytes { try reader.feed($0) }
                while let reply = try reader.next() { outcome.replies.append(reply) }
            }
        } catch {
            outcome.isRefused = true
        }
        return outcome
    }

    /// Reads a reply in every way that the engine does.
    private static func walk(_ reply: RESPReply) {
        _ = reply.topLevelError
        _ = try? reply.integer()
        _ = try? reply.string()
        _ = try? reply.optionalBytes()
        var cursor = RESPCursor(reply)
        while let kind = cursor.nextKind {
            switch kind {
            case .array: _ = try? cursor.nextArrayCount()
            case .integer: _ = try? cursor.nextDecimal()
            case .null: _ = cursor.skipNull()
            case .string, .status: _ = try? cursor.nextOptionalBytes()
            case .error: _ = try? cursor.nextString()
            }
        }
        var skipping = RESPCursor(reply)
        skipping.skip()
        precondition(skipping.isAtEnd, "a reply does not end where its values end")
    }
}
