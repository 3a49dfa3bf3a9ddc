// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation

/// A value that may be a secret: a text as it stands, `env:NAME` for an environment variable, or `file:PATH` for a file, whose last
/// line break is left out. A command line can be read by everybody on a machine, so secrets belong into one of the latter.
package enum SecretText {
    private static let maximumFileBytes = 64 << 10

    /// - Throws: where the variable or the file has nothing, without a word of what is in it.
    package static func read(
        _ text: String, environment: [String: String] = ProcessInfo.processInfo.environment
    ) throws(SettingProblem) -> String {
        if text.hasPrefix("env:") {
            let name = String(text.dropFirst(4))
            guard let value = environment[name], !value.isEmpty else {
                throw SettingProblem("the environment variable \(name) is not set: set it, or name another")
            }
            return value
        }
        guard text.hasPrefix("file:") else { return text }
        let path = String(text.dropFirst(5))
        guard let file = FileHandle(forReadingAtPath: path) else {
            throw SettingProblem("\(path) can't be read: check the path and its permissions")
        }
        defer { try? file.close() }
        guard let bytes = try? file.read(upToCount: maximumFileBytes + 1), bytes.count <= maximumFileBytes,
            var value = String(data: bytes, encoding: .utf8)
        else { throw SettingProblem("\(path) is empty, not a text, or has more than 64 KiB") }
        if value.hasSuffix("\r\n") || value.hasSuffix("\n") { value.removeLast() }
        return value
    }

    /// For `--print-config`: where it comes from, or `***`.
    package static func shown(_ text: String) -> String {
        text.hasPrefix("env:") || text.hasPrefix("file:") ? text : "***"
    }
}
