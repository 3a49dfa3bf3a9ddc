// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueue

/// Why a job or a queue does not get on, the binding reason first.
package struct Explanation: Encodable, Sendable {
    /// One thing that keeps a job, or that is known of it.
    package struct Reason: Encodable, Sendable, Hashable {
        /// A word for programs, as docs/cli.md has it.
        package let code: String
        /// In one line, with the evidence.
        package let detail: String
        /// What to type next; nil where there is nothing to do.
        @OrNull package var command: String?

        init(_ code: String, _ detail: String, _ command: String? = nil) {
            self.code = code
            self.detail = detail
            _command = OrNull(wrappedValue: command)
        }

        package static func == (left: Reason, right: Reason) -> Bool {
            left.code == right.code && left.detail == right.detail && left.command == right.command
        }

        package func hash(into hasher: inout Hasher) {
            hasher.combine(code)
        }
    }

    package let queue: String
    /// Nil where the queue itself was asked about.
    @OrNull package var id: String?
    @OrNull package var state: String?
    /// In one line.
    package let verdict: String
    package let reasons: [Reason]

    init(_ record: JobRecord, _ reasons: [Reason]) {
        queue = record.message.queue
        let (id, state) = (record.message.id.description, record.state.rawValue)
        _id = OrNull(wrappedValue: id)
        _state = OrNull(wrappedValue: state)
        verdict = "\(id) is \(state): \(reasons.first?.detail ?? "nothing is known of why")"
        self.reasons = reasons
    }

    init(queue: String, _ reasons: [Reason]) {
        self.queue = queue
        _id = OrNull()
        _state = OrNull()
        verdict = "\(queue): \(reasons.first?.detail ?? "nothing keeps its jobs")"
        self.reasons = reasons
    }
}
