// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation

/// A history on disk, to which any number of processes append. One `write` a line, to a file opened for appending, so that lines
/// never mix, and a process that is killed leaves whole lines that happened before its death.
package final class HistoryFile: Sendable {
    package let path: String
    private let descriptor: Int32

    package init(_ path: String) throws {
        self.path = path
        descriptor = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw Unmet("cannot open \(path): \(String(cString: strerror(errno)))") }
    }

    deinit { close(descriptor) }

    package func note(_ what: HistoryLine.What, _ job: String, attempt: Int = 0, token: Int64 = 0) {
        let line = HistoryLine(
            what, job, attempt: attempt, token: token, process: getpid(), milliseconds: HistoryLine.now)
        var text = line.text
        text.withUTF8 { bytes in _ = write(descriptor, bytes.baseAddress, bytes.count) }
    }

    package static func read(_ path: String) -> [HistoryLine] {
        let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
        return text.utf8.split(separator: 10).compactMap { HistoryLine(String(Substring($0))) }
    }
}

/// What a test waited for and did not get, in words.
package struct Unmet: Error, CustomStringConvertible {
    package let description: String

    package init(_ description: String) {
        self.description = description
    }
}
