// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

/// What a job may hold. Each limit is checked before anything is sent to the engine.
package struct Limits: Sendable, Hashable {
    /// The largest payload, in bytes; 1 MiB by default, at most `largestPayloadBytes`.
    package var payloadBytes = 1 << 20
    /// The largest result, in bytes; 64 KiB by default, at most `largestResultBytes`.
    package var resultBytes = 64 << 10
    /// The most tags on a job; 16 by default.
    package var tags = 16

    /// The limits of a new queue: the defaults above.
    package init() {}

    /// The most that `payloadBytes` may be: 128 such jobs come in one reply to a claim, and that must not cost the connection.
    package static let largestPayloadBytes = 3 << 20
    /// The most that `resultBytes` may be: 512 settlements with such results leave together.
    package static let largestResultBytes = 96 << 10

    func check() throws(SpanQueueError) {
        guard (0...Self.largestPayloadBytes).contains(payloadBytes) else {
            throw .invalidArgument(
                "a limit of \(payloadBytes) bytes for payloads: use 0 to \(Self.largestPayloadBytes), and store more elsewhere"
            )
        }
        guard (0...Self.largestResultBytes).contains(resultBytes) else {
            throw .invalidArgument(
                "a limit of \(resultBytes) bytes for results: use 0 to \(Self.largestResultBytes), and store more elsewhere"
            )
        }
    }

    /// The most jobs in one call of `enqueue`.
    package static let jobsPerEnqueue = 10_000
    /// The longest error text that is kept of an attempt, in bytes. The rest is cut.
    package static let errorBytes = 2048
    /// The longest error text in each entry of a job's history, in bytes. The rest is cut.
    package static let historyErrorBytes = 512
    /// The longest text by which a group of errors is known, in bytes. The rest is cut.
    package static let maskedErrorBytes = 300
    /// The most groups of errors that a queue keeps count of; the oldest give way to one that is called other.
    package static let errorGroups = 500
    /// The longest text that goes with a progress report, in bytes. The rest is cut.
    package static let progressBytes = 256
    /// The most events of a job's history that are kept: the first and the latest.
    package static let historyEvents = 32
    /// How often a handler can put its job off in a row; from then on a snooze counts as a failed attempt.
    package static let snoozes = 1000
    /// The farthest a job can be put off, also by a retry: 10 years.
    package static let farthestDelay = Duration.hours(24 * 3650)
}

/// The alphabets of the names that come from outside. They keep a name from being mistaken for a key, a hash tag, a label or
/// a path, so every name is checked where it enters.
package struct NameRule: Sendable {
    let what: String
    let alphabet: String
    private let allowed: [Bool]

    private init(_ what: String, punctuation: String) {
        self.what = what
        self.alphabet = "A-Z a-z 0-9 " + punctuation.map(String.init).joined(separator: " ")
        let punctuation = Set(punctuation.utf8)
        self.allowed = (0...255).map { byte in
            switch UInt8(byte) {
            case 48...57, 65...90, 97...122: true
            case let other: punctuation.contains(other)
            }
        }
    }

    package static let queue = NameRule("queue name", punctuation: "_.-")
    package static let jobType = NameRule("job type", punctuation: "_.:/-")
    package static let jobID = NameRule("job id", punctuation: "_.:-@+=")
    package static let tag = NameRule("tag", punctuation: "_.:/-@+#=")

    package func allows(_ name: String) -> Bool {
        let bytes = name.utf8
        return (1...128).contains(bytes.count) && bytes.allSatisfy { allowed[Int($0)] }
    }

    package func check(_ name: String) throws(SpanQueueError) {
        guard !allows(name) else { return }
        let shown = Excerpt.printable(name, limit: 40)
        throw .invalidArgument("\(what) \"\(shown)\" is not allowed: use 1 to 128 characters of \(alphabet)")
    }
}

/// Text from outside, made fit to be stored and shown.
package enum Excerpt {
    /// At most `limit` bytes of `text`, cut between characters, with an ellipsis where something was cut.
    package static func bounded(_ text: String, bytes limit: Int) -> String {
        guard text.utf8.count > limit else { return text }
        let end = text.utf8.index(text.startIndex, offsetBy: max(0, limit - 3))
        var cut = end
        // Only so far back: a character may be made of any number of marks.
        for _ in 0..<64 where cut > text.startIndex && cut.samePosition(in: text) == nil {
            cut = text.utf8.index(before: cut)
        }
        if cut.samePosition(in: text) == nil { cut = end }
        while cut > text.startIndex, cut.samePosition(in: text.unicodeScalars) == nil {
            cut = text.utf8.index(before: cut)
        }
        return text[..<cut] + "…"
    }

    /// At most `limit` characters of `text` on one line, control characters as `\u{…}`.
    package static func printable(_ text: String, limit: Int) -> String {
        var shown = ""
        for scalar in text.unicodeScalars.prefix(limit) {
            shown += scalar.properties.generalCategory == .control ? scalar.escaped(asASCII: true) : String(scalar)
        }
        return text.unicodeScalars.count > limit ? shown + "…" : shown
    }
}
