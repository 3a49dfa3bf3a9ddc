// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

package import HiredisClient
import Logging
import SpanQueueLoop

/// Plain commands to a Redis, beside the engine.
package final class RawRedis: Sendable {
    private let loop = LoopThread(name: "raw")
    private let client: RedisClient

    package init(_ url: String) throws {
        var configuration = RedisClient.Configuration()
        configuration.commandTimeout = .seconds(30)
        client = RedisClient(
            url: try RedisURL(url), name: "faults", configuration: configuration, loop: loop,
            logger: Logger(label: "raw") { _ in SwiftLogNoOpLogHandler() })
    }

    package func close() async {
        await client.close()
        loop.stop()
    }

    @discardableResult
    package func call(_ words: String...) async throws -> RESPReply {
        try await call(words)
    }

    @discardableResult
    package func call(_ words: [String]) async throws -> RESPReply {
        var command = RESPCommand(words[0])
        for word in words.dropFirst() { command.append(word) }
        return try await client.send(command, idempotent: true)
    }

    /// The strings of a reply that is an array of them.
    package func strings(_ words: [String]) async throws -> [String] {
        var cursor = RESPCursor(try await call(words))
        return try (0..<(try cursor.nextArrayCount())).map { _ in try cursor.nextString() }
    }

    /// A field of `INFO`.
    package func info(_ field: String) async throws -> String {
        let text = try await call("INFO", "everything").string()
        for line in text.split(whereSeparator: \.isNewline) where line.hasPrefix(field + ":") {
            return String(line.dropFirst(field.count + 1))
        }
        throw Unmet("INFO has no \(field)")
    }

    /// Evaluates a script; with it a look at several keys is one moment.
    package func evaluate(_ script: String, _ arguments: String...) async throws -> RESPReply {
        try await call(["EVAL", script, "0"] + arguments)
    }
}
