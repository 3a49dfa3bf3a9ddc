// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import SpanQueue

/// Which deeds somebody looks for. Each text stands for itself; a final `*` stands for anything.
package struct JournalFilter: Sendable, Hashable {
    /// Who did it.
    package var by: String?
    /// The word for it.
    package var action: String?
    /// The queue.
    package var queue: String?
    /// What it was done to: a job's id, or a filter.
    package var target: String?

    package init(by: String? = nil, action: String? = nil, queue: String? = nil, target: String? = nil) {
        self.by = by
        self.action = action
        self.queue = queue
        self.target = target
    }

    /// - Parameter redaction: what is masked where it is shown, and so can't be found either.
    func matches(_ deed: JournalDeed, _ redaction: Redaction) -> Bool {
        [(by, deed.by), (action, deed.action), (queue, deed.queue), (target, deed.target)].allSatisfy { wanted, text in
            Self.matches(wanted, wanted == nil ? text : text.map(redaction.masked))
        }
    }

    private static func matches(_ wanted: String?, _ text: String?) -> Bool {
        guard let wanted else { return true }
        guard let text else { return false }
        return wanted.hasSuffix("*") ? text.hasPrefix(wanted.dropLast()) : text == wanted
    }

    /// Eight hexadecimal digits that another filter hardly has.
    fileprivate var digest: String {
        let parts = [by, action, queue, target].map { $0.map { "=\($0)" } ?? "" }
        return Array(Digest.sha256(Array(parts.joined(separator: "\0").utf8)).prefix(4)).hexadecimal
    }
}

/// A walk back through the journal, which makes one deed of the two entries that it has.
struct JournalWalk: Hashable {
    /// That of the last entry looked at.
    private(set) var place: String?
    /// The intents, still to come, of the outcomes that were met.
    private var met: [String] = []
    /// Deeds go on for seconds, and hardly any number of them at once; one beyond is shown twice.
    private static let mostMet = 100

    init() {}

    /// Reads where a page ended.
    ///
    /// - Throws: `.invalidArgument` where it is not a cursor, or is one of another filter.
    init(_ text: String, of filter: JournalFilter) throws(SpanQueueError) {
        let padded = text.replacing("-", with: "+").replacing("_", with: "/")
        guard text.utf8.count <= 8192,
            let data = Data(base64Encoded: padded + String(repeating: "=", count: -text.utf8.count & 3)),
            let plain = String(validating: data, as: UTF8.self)
        else { throw Self.invalid("is not one that a page gave") }
        let parts = plain.split(separator: "\0", omittingEmptySubsequences: false).map(String.init)
        guard parts.count >= 2, parts.count <= Self.mostMet + 2 else {
            throw Self.invalid("is not one that a page gave")
        }
        guard parts[0] == filter.digest else { throw Self.invalid("belongs to another filter") }
        place = parts[1]
        met = Array(parts.dropFirst(2))
    }

    func text(of filter: JournalFilter) -> String {
        let plain = ([filter.digest, place ?? ""] + met).joined(separator: "\0")
        return Data(plain.utf8).base64EncodedString().replacing("+", with: "-").replacing("/", with: "_").replacing(
            "=", with: "")
    }

    private static func invalid(_ problem: String) -> SpanQueueError {
        SpanQueueError(.invalidArgument, "the cursor \(problem): begin again without one")
    }

    /// Goes on to an entry, and says whether it is of a deed that was not met yet.
    mutating func isNew(_ entry: JournalEntry) -> Bool {
        place = entry.place
        if let index = met.firstIndex(of: entry.place) {
            met.remove(at: index)
            return false
        }
        if let intent = entry.intent {
            met.append(intent)
            if met.count > Self.mostMet { met.removeFirst() }
        }
        return true
    }
}
