// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

package import SpanQueue

extension InMemoryEngine: JournalStore {
    /// Adds an entry; its place is a number that counts up.
    package func append(
        _ deed: JournalDeed, outcome: JournalOutcome?, intent: String?
    ) async throws -> String {
        let now = clock.now
        return try look { state in
            state.journaled += 1
            let place = "\(state.journaled)"
            state.journal.append(
                JournalEntry(place: place, at: now, deed: deed, intent: intent, outcome: outcome))
            if state.journal.count > Self.journalLength { state.journal.removeFirst() }
            return place
        }
    }

    /// Entries, the newest first.
    package func entries(before place: String?, limit: Int) async throws -> [JournalEntry] {
        try look { state throws(SpanQueueError) in
            var rest = state.journal[...]
            if let place {
                guard let number = Int(place), number > 0 else {
                    throw SpanQueueError(
                        .invalidArgument, "not a place in the journal: pass the one that the last page gave")
                }
                rest = rest.prefix { Int($0.place) ?? 0 < number }
            }
            return Array(rest.suffix(max(1, min(limit, 1000))).reversed())
        }
    }
}
