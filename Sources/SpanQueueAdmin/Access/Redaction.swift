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

    package init() {}

    /// - Throws: `.invalidArgument` for a path that is none.
    package init(_ paths: [String]) throws(SpanQueueError) {
        for path in paths {
            let parts = path.split(separator: ".", omittingEmptySubsequences: false).map { $0.lowercased() }
            guard !parts.contains(""), parts.last != "*" else {
                throw SpanQueueError(
                    .invalidArgument,
                    "\"\(Excerpt.printable(path, limit: 60))\" is no path of members: write password, *.token or card.number"
                )
            }
            self.paths.append(parts)
        }
    }

    package var isEmpty: Bool { paths.isEmpty }

    /// Refuses bytes in which nothing can be masked, as they are no JSON.
    ///
    /// - Throws: `.forbidden`.
    package func check(_ bytes: [UInt8]) throws(AdminError) {
        guard !isEmpty, !bytes.isEmpty, !StrictJSON.isValid(bytes) else { return }
        throw AdminError(.forbidden, "it is not JSON, so nothing in it could be masked (--redact): it is not shown")
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
        let names = Set(paths.compactMap(\.last)).map(NSRegularExpression.escapedPattern).sorted()
        let pattern =
            #"(?<![a-z0-9])((?:"# + names.joined(separator: "|")
            + #")\\*["']?\s*(?:=>|[:=])\s*)(?:(\\*["'])(?s:.*?)(?:\2|\z)|[^\r\n,;&}\])"']+)"#
        guard let expression = try? NSRegularExpression(pattern: pattern, options: [.caseInsensitive]) else {
            return text
        }
        return expression.stringByReplacingMatches(
            in: text, range: NSRange(text.startIndex..., in: text), withTemplate: "$1\(Self.mask)")
    }

    // MARK: Answers

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
