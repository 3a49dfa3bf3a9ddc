// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import SpanQueue

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
        guard text.utf8.count <= 2048, let plain = Self.plain(text) else {
            throw Self.invalid("is not one that a page gave")
        }
        let parts = plain.split(separator: "\0", maxSplits: 3, omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 4, JobState.known.contains(JobState(rawValue: parts[2])) else {
            throw Self.invalid("is not one that a page gave")
        }
        guard parts[0] == filter.digest else { throw Self.invalid("belongs to another filter") }
        self.init(queue: parts[1], state: JobState(rawValue: parts[2]), place: parts[3].isEmpty ? nil : parts[3])
    }

    /// What stands before a cursor that is sealed; no other begins so.
    private static let sealMark = "~"

    /// A place may have ids of jobs in it, so where something of them is masked nobody can read it.
    func text(of filter: JobFilter, _ redaction: Redaction) -> String {
        let plain = [filter.digest, queue, state.rawValue, place ?? ""].joined(separator: "\0")
        guard place.map(redaction.isHarmless) ?? true else { return Self.sealMark + SealedText.seal(plain) }
        return Data(plain.utf8).base64EncodedString().replacing("+", with: "-").replacing("/", with: "_").replacing(
            "=", with: "")
    }

    private static func plain(_ text: String) -> String? {
        if text.hasPrefix(sealMark) { return SealedText.open(String(text.dropFirst(sealMark.count))) }
        let padded = text.replacing("-", with: "+").replacing("_", with: "/")
        return Data(base64Encoded: padded + String(repeating: "=", count: -text.utf8.count & 3)).flatMap {
            String(validating: $0, as: UTF8.self)
        }
    }

    private static func invalid(_ problem: String) -> SpanQueueError {
        SpanQueueError(.invalidArgument, "the cursor \(problem): begin again without one")
    }
}
