// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import HiredisClient

/// A file of Redis commands, a line each. Words are separated by spaces; bytes that are not printable are `%` and two hex digits, and an
/// empty word is `%`. `Layout1/dump.redis` was made of all keys of a server on which programs of layout 1 had been at work.
struct CommandFile {
    let commands: [[[UInt8]]]

    init(_ name: String) throws {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "Layout1/\(name)")
        commands = try String(contentsOf: file, encoding: .utf8).split(separator: "\n").map { line in
            line.split(separator: " ").map(Self.bytes)
        }
    }

    private static func bytes(_ word: Substring) -> [UInt8] {
        var bytes: [UInt8] = []
        var rest = Array(word.utf8)[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%"), rest.count >= 2 {
                bytes.append(UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16) ?? 0)
                rest = rest.dropFirst(2)
            } else if byte != UInt8(ascii: "%") {
                bytes.append(byte)
            }
        }
        return bytes
    }

    /// Sends them all.
    func load(into client: RedisClient) async throws {
        for words in commands {
            var command = RESPCommand(String(decoding: words[0], as: UTF8.self))
            for word in words.dropFirst() { command.append(word) }
            _ = try await client.send(command, idempotent: true)
        }
    }
}
