// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import CSpanQueueSpawn
import Foundation
import SpanQueueCommand

/// The limit of open files. Libraries below us end the process where they can't open what they need, so that is looked at first.
enum OpenFiles {
    /// For a command that asks Redis something and ends.
    static let forCommand = 16

    /// For a process that stays: the server's threads have three each, and there is one a core.
    static var forService: Int { 32 + 4 * ProcessInfo.processInfo.activeProcessorCount }

    /// Allows as many as the system lets us; programs that are run get the limit that we were given.
    static func raiseLimit() {
        _ = spanqueue_raise_descriptor_limit()
    }

    /// What Foundation's `Process` needs as a limit: it has the child close that many, and fails where there can't be so many.
    static let limitForProcess: UInt64 = 256

    /// - Throws: a failure where the limit itself is lower.
    static func requireLimit(_ count: UInt64) throws(CommandFailure) {
        let limit = spanqueue_raise_descriptor_limit()
        guard limit < count else { return }
        throw .failed(
            "only \(limit) files may be open, and \(count) are needed: raise the limit (ulimit -n, LimitNOFILE=)")
    }

    /// - Throws: a failure where fewer files can be opened than are needed.
    static func require(_ count: Int) throws(CommandFailure) {
        var opened: [Int32] = []
        defer { for file in opened { close(file) } }
        while opened.count < count {
            let file = open("/dev/null", O_RDONLY | O_CLOEXEC)
            guard file >= 0 else {
                guard errno == EMFILE || errno == ENFILE else { return }
                throw .failed(
                    "only \(opened.count) more files can be opened, and \(count) are needed: raise the limit (ulimit -n, LimitNOFILE=)"
                )
            }
            opened.append(file)
        }
    }
}
