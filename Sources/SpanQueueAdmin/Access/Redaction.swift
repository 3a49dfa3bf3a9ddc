// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

package import Foundation
package import SpanQueue

/// What is masked before it leaves: members of JSON by their path at any depth, and in other texts what stands behind such a name.
///
/// `password` is each member of that name, `card.number` each `number` in a `card`, `*.token` each `token` that is in something. Arrays
/// add nothing to a path. Capitals make no difference.
package struct Redaction: Sendable, Hashable {
    package static let mask = "‹masked›"

    private var paths: [[String]] = []
    private var pattern: NamePattern?

    package init() {}

    /// - Throws: `.invalidArgument` for a path that is none.
    package init(_ paths: [String]) throws(SpanQueueError) {
        for path in paths {
            let parts = path.split(separator: ".", omittingEmptySubsequences: false).map { $0.lowercased() }
            guard !parts.contains(""), parts.last != "*" else {
                throw SpanQueueError(
                    .invalidArgument,
                    "\"\(Excerpt.printable(path, limit: 60))\" is not a path of members: write password, *.token or card.number"
                )
            }
            self.paths.append(parts)
        }
        guard !self.paths.isEmpty else { return }
        guard let pattern = NamePattern(self.paths.compactMap(\.last)) else {
            throw SpanQueueError(.invalidArgument, "nothing can be looked for by these paths")
        }
        self.pattern = pattern
    }

    package static func == (left: Redaction, right: Redaction) -> Bool { left.paths == right.paths }

    package func hash(into hasher: inout Hasher) { hasher.combine(paths) }

    package var isEmpty: Bool { paths.isEmpty }

    /// Refuses bytes in which nothing can be masked, as they are no JSON.
    ///
    /// - Throws: `.forbidden`.
    package func check(_ bytes: [UInt8]) throws(AdminError) {
        guard !isEmpty, !bytes.isEmpty, !StrictJSON.isValid(bytes) else { return }
        throw AdminError(.forbidden, "it is not JSON, so nothing in it could be masked (--redact): it is not shown")
    }

    /// Whether a text is shown as it is. To ask whether another one is this, or begins so, then tells of nothing that is masked.
    func shows(_ text: String) -> Bool { isEmpty || masked(text) == text && !text.contains(Self.mask) }

    /// Whether nothing in a text can be masked, whatever it is cut out of.
    func isHarmless(_ text: String) -> Bool {
        guard !isEmpty else { return true }
        let folded = text.lowercased()
        return text.utf8.allSatisfy { $0 < 0x80 } && !paths.contains { $0.last.map(folded.contains) ?? false }
    }

    /// A text without what is not to be seen.
    package func masked(_ text: String) -> String {
        guard !isEmpty else { return text }
        let bytes = Array(text.utf8)
        if let first = bytes.first(where: { ![0x20, 0x09, 0x0A, 0x0D].contains($0) }),
            first == UInt8(ascii: "{") || first == UInt8(ascii: "["), StrictJSON.isValid(bytes)
        {
            var walk = Walk(bytes: bytes)
            maskValue(&walk, at: [])
            return String(decoding: walk.shown, as: UTF8.self)
        }
        return maskedByPattern(text)
    }

    // MARK: JSON

    /// A walk through bytes that are JSON. What is not masked stays as it was written: numbers are not read.
    private struct Walk {
        let bytes: [UInt8]
        var place = 0
        var shown: [UInt8] = []

        var next: UInt8 { bytes[place] }

        mutating func take() {
            shown.append(bytes[place])
            place += 1
        }

        /// Up to the next byte that is part of something.
        mutating func takeBlanks() {
            while place < bytes.count, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[place]) { take() }
        }

        /// The bytes of a text, its quotes included; they are not taken.
        var literal: ArraySlice<UInt8> {
            var end = place + 1
            while bytes[end] != UInt8(ascii: "\"") { end += bytes[end] == UInt8(ascii: "\\") ? 2 : 1 }
            return bytes[place...end]
        }
    }

    private func maskValue(_ walk: inout Walk, at path: [String]) {
        walk.takeBlanks()
        switch walk.next {
        case UInt8(ascii: "{"): maskElements(&walk, upTo: UInt8(ascii: "}"), at: path)
        case UInt8(ascii: "["): maskElements(&walk, upTo: UInt8(ascii: "]"), at: path)
        case UInt8(ascii: "\""):
            // A text may have JSON, or such a name, in it.
            let literal = walk.literal
            walk.place += literal.count
            let text = Self.unquoted(literal) ?? ""
            let shown = masked(text)
            walk.shown += shown == text ? literal : Self.quoted(shown)[...]
        default:
            while walk.place < walk.bytes.count, !Self.ends.contains(walk.next) { walk.take() }
        }
        walk.takeBlanks()
    }

    /// What a number or a word ends before.
    private static let ends = Array(",]} \t\r\n".utf8)

    private func maskElements(_ walk: inout Walk, upTo end: UInt8, at path: [String]) {
        walk.take()
        walk.takeBlanks()
        while walk.next != end {
            if end == UInt8(ascii: "}") {
                maskMember(&walk, at: path)
            } else {
                maskValue(&walk, at: path)
            }
            if walk.next == UInt8(ascii: ",") { walk.take() }
            walk.takeBlanks()
        }
        walk.take()
    }

    private func maskMember(_ walk: inout Walk, at path: [String]) {
        let literal = walk.literal
        walk.shown += literal
        walk.place += literal.count
        walk.takeBlanks()
        // The colon.
        walk.take()
        let path = path + [(Self.unquoted(literal) ?? "").lowercased()]
        let start = walk.shown.count
        maskValue(&walk, at: path)
        if isMasked(path) { walk.shown.replaceSubrange(start..., with: Self.quoted(Self.mask)) }
    }

    private func isMasked(_ path: [String]) -> Bool {
        paths.contains { wanted in
            wanted.count <= path.count && zip(wanted.reversed(), path.reversed()).allSatisfy { $0 == "*" || $0 == $1 }
        }
    }

    private static func quoted(_ text: String) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.withoutEscapingSlashes]
        // A text can always be encoded.
        return (try? encoder.encode(text)).map { Array($0) } ?? Array("\"\"".utf8)
    }

    private static func unquoted(_ bytes: ArraySlice<UInt8>) -> String? {
        try? JSONDecoder().decode(String.self, from: Data(bytes))
    }

    // MARK: Other texts

    /// What stands behind a name: in quotes up to their end, or to that of the text where there is none; else to the end of the line or
    /// of what it is listed in.
    private func maskedByPattern(_ text: String) -> String {
        guard let pattern, text.utf8.contains(where: { $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: "=") }) else {
            return text
        }
        return pattern.expression.stringByReplacingMatches(
            in: text, range: NSRange(text.startIndex..., in: text), withTemplate: "$1\(Self.mask)")
    }

    // MARK: Errors that are alike

    /// What stands for the last error of a job: the engine's own digest is one of the text as a worker saw it, and could be compared with
    /// those of guesses.
    func fingerprint(of record: JobRecord) -> UInt64? {
        guard !isEmpty, record.run.errorFingerprint != nil, let error = record.run.lastError else {
            return isEmpty ? record.run.errorFingerprint : nil
        }
        let type = record.run.attemptRecords.last { $0.errorType != nil && $0.outcome != .lost }?.errorType
        let own = ErrorFingerprint(jobType: record.message.type, errorType: type, error: error)
        return fingerprint(record.message.type, type ?? "", own.masked)
    }

    /// Groups of errors by what is shown of them: those that differ in what is masked alone are one.
    func shown(_ groups: [ErrorGroup]) -> [ErrorGroup] {
        guard !isEmpty else { return groups }
        var shown: [ErrorGroup] = []
        var places: [UInt64: Int] = [:]
        for var group in groups {
            guard group.fingerprint != nil else {
                shown.append(group)
                continue
            }
            let print = fingerprint(group.jobType, group.errorType, group.masked)
            group.fingerprint = print
            guard let place = places[print] else {
                places[print] = shown.count
                shown.append(group)
                continue
            }
            let other = shown[place]
            if other.lastSeen > group.lastSeen { (group.lastSeen, group.version) = (other.lastSeen, other.version) }
            group.firstSeen = min(group.firstSeen, other.firstSeen)
            group.count += other.count
            shown[place] = group
        }
        return shown
    }

    private func fingerprint(_ jobType: String, _ errorType: String, _ error: String) -> UInt64 {
        ErrorFingerprint(jobType: masked(jobType), errorType: masked(errorType), error: masked(error)).value
    }

    // MARK: Answers

    /// A text of JSON of ours, in which each text is masked by itself.
    package func maskedAnswer(_ text: String) -> String {
        isEmpty ? text : String(decoding: masked(answer: Data(text.utf8)), as: UTF8.self)
    }

    /// JSON of ours, or lines of it, in which each text is masked by itself.
    package func masked(answer: Data) -> Data {
        let bytes = Array(answer)
        var masked: [UInt8] = []
        masked.reserveCapacity(bytes.count)
        var place = 0
        while place < bytes.count {
            guard bytes[place] == UInt8(ascii: "\"") else {
                masked.append(bytes[place])
                place += 1
                continue
            }
            var end = place + 1
            while end < bytes.count, bytes[end] != UInt8(ascii: "\"") {
                end += bytes[end] == UInt8(ascii: "\\") ? 2 : 1
            }
            end = min(end + 1, bytes.count)
            let literal = bytes[place..<end]
            if let text = Self.unquoted(literal) {
                let shown = self.masked(text)
                masked += shown == text ? literal : Self.quoted(shown)[...]
            } else {
                masked += literal
            }
            place = end
        }
        return Data(masked)
    }
}

/// The names behind which something is masked in texts that are not JSON.
///
/// `@unchecked Sendable`: an expression is never changed, and Foundation lets any number of threads use one at once.
private final class NamePattern: @unchecked Sendable {
    let expression: NSRegularExpression

    /// Nil where there is no such expression, which no name leads to: each is escaped.
    init?(_ names: [String]) {
        // In the text of a group of errors a name may be masked itself: as a number in part, as a quoted text or a path as a whole.
        let masked =
            names.map { ErrorFingerprint(jobType: "", errorType: nil, error: $0).masked } + ["‹text›", "‹path›"]
        let words = Set(names + masked).map(NSRegularExpression.escapedPattern).sorted()
        let pattern =
            #"(?<![a-z0-9])((?:"# + words.joined(separator: "|")
            + #")\\*["']?\s*(?:=>|[:=])\s*)(?:(\\*["'])(?s:.*?)(?:\2|\z)|[^\r\n,;&}\])"']+)"#
        guard let expression = try? NSRegularExpression(pattern: pattern, options: [.caseInsensitive]) else {
            return nil
        }
        self.expression = expression
    }
}
