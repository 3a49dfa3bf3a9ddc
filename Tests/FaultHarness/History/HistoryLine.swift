// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation

/// One thing that a producer or a worker did, as it wrote it down: `<what> <job> <attempt> <token> <process id> <ms>`.
package struct HistoryLine: Sendable, Hashable {
    package enum What: String, Sendable {
        /// A producer is about to enqueue the job.
        case called
        /// The enqueue returned: from here on the job may not be lost.
        case accepted
        /// The enqueue threw; the producer tries again with the same id.
        case refused
        /// The producer gave up.
        case failed
        /// A handler began.
        case began
        /// It returned.
        case ended
        /// It threw what it was asked to throw.
        case threw
        /// It was cancelled.
        case cancelled
        /// A progress report was answered as lost.
        case progressLost = "progress-lost"
        /// The engine took the attempt's completion.
        case settled
        /// The engine answered the attempt's end as lost.
        case settleLost = "settle-lost"
        /// A heartbeat was answered as lost.
        case heartbeatLost = "heartbeat-lost"
        /// A handler's wave of bulk was taken.
        case wave
    }

    package var what: What
    package var job: String
    package var attempt: Int
    package var token: Int64
    package var process: Int32
    /// The wall clock of the machine, in milliseconds since 1970.
    package var milliseconds: Int64

    package init(
        _ what: What, _ job: String, attempt: Int = 0, token: Int64 = 0, process: Int32 = 0, milliseconds: Int64 = 0
    ) {
        self.what = what
        self.job = job
        self.attempt = attempt
        self.token = token
        self.process = process
        self.milliseconds = milliseconds
    }

    package init?(_ line: some StringProtocol) {
        let words = line.split(separator: " ")
        guard words.count == 6, let what = What(rawValue: String(words[0])), let attempt = Int(words[2]),
            let token = Int64(words[3]), let process = Int32(words[4]), let milliseconds = Int64(words[5])
        else { return nil }
        self.init(
            what, String(words[1]), attempt: attempt, token: token, process: process, milliseconds: milliseconds)
    }

    package var text: String { "\(what.rawValue) \(job) \(attempt) \(token) \(process) \(milliseconds)\n" }

    package static var now: Int64 { Int64(Date().timeIntervalSince1970 * 1000) }
}
