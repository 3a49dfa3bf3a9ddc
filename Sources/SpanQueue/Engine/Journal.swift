// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

/// What somebody does to jobs or queues, as the journal keeps it.
package struct JournalDeed: Sendable, Hashable {
    /// Who: `ada@laptop`, or a name of the file of tokens.
    package var by: String
    /// As what; nil where there are no roles, as on the command line.
    package var role: String?
    /// From where; nil where that is not known, or is this machine.
    package var address: String?
    /// By which way: `cli`, `web`, `api`, `top`.
    package var via: String
    /// A word for it: `pause`, `redrive`.
    package var action: String
    /// In which queue; nil for all, or where it is none's.
    package var queue: String?
    /// To what: a job's id, or a filter such as `state=dead`; nil for the queue itself.
    package var target: String?
    /// Why, in the words of who did it.
    package var reason: String?

    package init(
        by: String, role: String? = nil, address: String? = nil, via: String, action: String, queue: String? = nil,
        target: String? = nil, reason: String? = nil
    ) {
        self.by = by
        self.role = role
        self.address = address
        self.via = via
        self.action = action
        self.queue = queue
        self.target = target
        self.reason = reason
    }
}

/// What came of a deed.
package enum JournalOutcome: Sendable, Hashable {
    /// It was done, to so many jobs where it is done to many.
    case done(count: Int?)
    /// It was not done, or not wholly; in words.
    case failed(String)
}

/// One entry of the journal: what somebody is about to do or, in a second one, what came of it.
package struct JournalEntry: Sendable, Hashable {
    /// Where it stands among the others; the engine's own.
    package var place: String
    package var at: Timestamp
    package var deed: JournalDeed
    /// The place of the entry that was written before the deed; nil for that one itself.
    package var intent: String?
    /// What came of it; nil before the deed.
    package var outcome: JournalOutcome?

    package init(
        place: String, at: Timestamp, deed: JournalDeed, intent: String? = nil, outcome: JournalOutcome? = nil
    ) {
        self.place = place
        self.at = at
        self.deed = deed
        self.intent = intent
        self.outcome = outcome
    }
}

/// Keeps what people do: the latest 10,000 entries or a few more, so 5,000 deeds.
package protocol JournalStore: EngineCore {
    /// Adds an entry, at the present moment of the engine's clock. A call whose answer is lost may have added it.
    ///
    /// - Parameters:
    ///   - outcome: what came of the deed; nil before it.
    ///   - intent: the place of the entry from before the deed, where there is one.
    /// - Returns: its place.
    func append(_ deed: JournalDeed, outcome: JournalOutcome?, intent: String?) async throws -> String
    /// Entries, the newest first.
    ///
    /// - Parameters:
    ///   - place: only those before this one; nil for the newest of all.
    ///   - limit: the most that are wanted, 1 to 1,000.
    /// - Throws: `.invalidArgument` for a place that no entry ever had.
    func entries(before place: String?, limit: Int) async throws -> [JournalEntry]
}

extension JournalStore {
    /// The bound on entries.
    package static var journalLength: Int { 10_000 }
}

extension JournalEntry {
    /// As names and texts, for engines that store these. What is absent is left out.
    package static func fields(
        _ deed: JournalDeed, outcome: JournalOutcome?, intent: String?
    ) -> [(name: String, value: String)] {
        let (word, count, error): (String?, Int?, String?) =
            switch outcome {
            case nil: (nil, nil, nil)
            case .done(let count): ("done", count, nil)
            case .failed(let error): ("failed", nil, error)
            }
        let all: [(name: String, value: String?)] = [
            ("by", deed.by), ("role", deed.role), ("address", deed.address), ("via", deed.via),
            ("action", deed.action), ("queue", deed.queue), ("target", deed.target), ("reason", deed.reason),
            ("intent", intent), ("outcome", word), ("count", count.map { "\($0)" }), ("error", error),
        ]
        return all.compactMap { name, value in value.map { (name, $0) } }
    }

    /// Reads what ``fields(_:outcome:intent:)`` gave; names that are not known are passed over.
    package init(place: String, at: Timestamp, fields: [String: String]) {
        let deed = JournalDeed(
            by: fields["by"] ?? "", role: fields["role"], address: fields["address"], via: fields["via"] ?? "",
            action: fields["action"] ?? "", queue: fields["queue"], target: fields["target"],
            reason: fields["reason"])
        let outcome: JournalOutcome? =
            switch fields["outcome"] {
            case nil: nil
            case "done": .done(count: fields["count"].flatMap { Int($0) })
            default: .failed(fields["error"] ?? "")
            }
        self.init(place: place, at: at, deed: deed, intent: fields["intent"], outcome: outcome)
    }
}
