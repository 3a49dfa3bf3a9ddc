// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import CSpanQueueHiredis
import HiredisClient

/// hiredis' own blocking connection, for the floor. Nothing else uses it: it has no deadlines and never reconnects.
final class BlockingConnection {
    private let context: UnsafeMutablePointer<redisContext>

    init(_ url: RedisURL) throws {
        guard !url.usesTLS else {
            throw RedisError(.tls, "the bare round trip is measured without TLS: give --redis a redis:// URL")
        }
        let opened =
            switch url.endpoint {
            case .tcp(let host, let port): redisConnect(host, Int32(port))
            case .unix(let path): redisConnectUnix(path)
            case .sentinels:
                throw RedisError(
                    .unsupported, "the bare round trip is measured without Sentinels: give --redis a redis:// URL")
            }
        guard let opened, opened.pointee.err == 0 else {
            redisFree(opened)
            throw RedisError(.unreachable, "no blocking connection to \(url)")
        }
        context = opened
        if let password = url.password {
            try command([Array("AUTH".utf8)] + [url.user, password].compactMap { $0.map { Array($0.utf8) } })
        }
        if url.database != 0 { try command([Array("SELECT".utf8), Array("\(url.database)".utf8)]) }
    }

    deinit { redisFree(context) }

    /// The digest of a script that Redis now knows.
    func load(_ script: [UInt8]) throws -> [UInt8] {
        try command([Array("SCRIPT".utf8), Array("LOAD".utf8), script])
    }

    func call(_ digest: [UInt8], keys: [[UInt8]] = [], _ arguments: [[UInt8]]) throws {
        try command([Array("EVALSHA".utf8), digest, Array("\(keys.count)".utf8)] + keys + arguments)
    }

    /// The reply's text, if it has one.
    @discardableResult
    private func command(_ arguments: [[UInt8]]) throws -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(arguments.reduce(0) { $0 + $1.count })
        for argument in arguments { bytes += argument }
        let lengths = arguments.map(\.count)
        let reply = bytes.withUnsafeBytes { buffer in
            var next = buffer.baseAddress?.assumingMemoryBound(to: CChar.self)
            var starts: [UnsafePointer<CChar>?] = lengths.map { length in
                defer { next = next?.advanced(by: length) }
                return next
            }
            return redisCommandArgv(context, Int32(arguments.count), &starts, lengths)
        }
        guard let reply = reply?.assumingMemoryBound(to: redisReply.self) else {
            throw RedisError(.unreachable, "the blocking connection broke")
        }
        defer { freeReplyObject(reply) }
        let text =
            reply.pointee.str.map { Array(UnsafeRawBufferPointer(start: $0, count: Int(reply.pointee.len))) } ?? []
        guard reply.pointee.type != REDIS_REPLY_ERROR else {
            throw RedisError(.unreachable, String(decoding: text, as: UTF8.self))
        }
        return text
    }
}
