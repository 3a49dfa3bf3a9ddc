// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import HiredisClient
import SpanQueue
import SpanQueueRedis

/// Tells by a command's bytes which of the engine's scripts it calls.
struct ScriptNames: Sendable {
    private let names: [String: String]

    /// Knows the scripts as Redis gets them, with what they include.
    init() {
        names = Dictionary(
            uniqueKeysWithValues: Scripts.embedded.all.map { (Self.digest(of: $0.source), $0.name) })
    }

    private static func digest(of source: [UInt8]) -> String {
        Digest.sha1(source).map { String(format: "%02x", $0) }.joined()
    }

    var all: [String] { names.values.sorted() }

    /// `settle` for a call of `settle.lua`, else the command's name in upper case.
    func name(of words: [ArraySlice<UInt8>]) -> String {
        let command = words.first.map { String(decoding: $0, as: UTF8.self).uppercased() } ?? ""
        guard words.count == 2 else { return command }
        switch command {
        case "EVALSHA": return names[String(decoding: words[1], as: UTF8.self)] ?? command
        case "EVAL":
            return names[Self.digest(of: Array(words[1]))] ?? command
        default: return command
        }
    }
}
