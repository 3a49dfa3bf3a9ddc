// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
package import SpanQueue

/// Which jobs somebody looks for.
package struct JobFilter: Sendable, Hashable {
    /// The only queue; nil for all.
    package var queue: String?
    /// The only state; nil for all.
    package var state: JobState?
    /// The type; a final `*` stands for anything.
    package var type: String?
    /// Tags that a job has, all of them.
    package var tags: [String]

    package init(queue: String? = nil, state: JobState? = nil, type: String? = nil, tags: [String] = []) {
        self.queue = queue
        self.state = state
        self.type = type
        self.tags = tags
    }

    /// Whether jobs are passed over that are in the right queue and state.
    var isSelective: Bool { type != nil || !tags.isEmpty }

    package func matches(_ record: JobRecord) -> Bool {
        guard tags.allSatisfy(record.message.tags.contains) else { return false }
        guard let type else { return true }
        return type.hasSuffix("*") ? record.message.type.hasPrefix(type.dropLast()) : record.message.type == type
    }

    /// Eight hexadecimal digits that another filter hardly has.
    fileprivate var digest: String {
        let parts = [queue ?? "", state?.rawValue ?? "", type ?? ""] + tags
        return Array(Digest.sha256(Array(parts.joined(separator: "\0").utf8)).prefix(4)).hexadecimal
    }
}

/// A page of what was looked for.
package struct JobsPage: Sendable {
    package var jobs: [JobRecord] = []
    /// Where to go on; nil at the end.
    package var cursor: String?
    /// How many jobs were looked at.
    package var scanned = 0

    package var view: JobsView { JobsView(jobs, cursor: cursor, scanned: scanned) }
}

/// Where a search goes on: a place within a queue and state, or at the start of one. It is of one filter alone.
struct SearchCursor: Hashable {
    var queue: String
    var state: JobState
    /// The engine's own; nil for the start.
    var place: String?

    init(queue: String, state: JobState, place: String?) {
        self.queue = queue
        self.state = state
        self.place = place
    }

    /// Reads one.
    ///
    /// - Throws: `.invalidArgument` where it is none, or of another filter.
    init(_ text: String, of filter: JobFilter) throws(SpanQueueError) {
        let padded = text.replacing("-", with: "+").replacing("_", with: "/")
        guard text.utf8.count <= 2048,
            let data = Data(base64Encoded: padded + String(repeating: "=", count: -text.utf8.count & 3)),
            let plain = String(validating: data, as: UTF8.self)
        else { throw Self.invalid("is not one that a page gave") }
        let parts = plain.split(separator: "\0", maxSplits: 3, omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 4, JobState.known.contains(JobState(rawValue: parts[2])) else {
            throw Self.invalid("is not one that a page gave")
        }
        guard parts[0] == filter.digest else { throw Self.invalid("belongs to another filter") }
        self.init(queue: parts[1], state: JobState(rawValue: parts[2]), place: parts[3].isEmpty ? nil : parts[3])
    }

    func text(of filter: JobFilter) -> String {
        let plain = [filter.digest, queue, state.rawValue, place ?? ""].joined(separator: "\0")
        return Data(plain.utf8).base64EncodedString().replacing("+", with: "-").replacing("/", with: "_").replacing(
            "=", with: "")
    }

    private static func invalid(_ problem: String) -> SpanQueueError {
        SpanQueueError(.invalidArgument, "the cursor \(problem): begin again without one")
    }
}
