// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

package import SpanQueue

extension Admin {
    /// The deeds as they are done, the oldest first: each when it begins and when it has ended, and once where both happened since the
    /// last look. It goes on until its task is cancelled, also while there is no answer.
    ///
    /// - Parameters:
    ///   - latest: how many of those that are there already come first.
    ///   - interval: between two looks.
    ///   - problem: is told of each look that had no answer.
    /// - Throws: what `body` throws, `CancellationError`, `.unsupported` for an engine without a journal, and what the first look throws.
    package func followJournal(
        _ filter: JournalFilter, latest: Int, every interval: Duration = .seconds(1),
        problem: (SpanQueueError) -> Void = { _ in }, _ body: ([JournalDeedView]) throws -> Void
    ) async throws {
        let engine = try await queue.engine
        guard let store = engine as? any JournalStore else {
            throw SpanQueueError(.unsupported, "the \(engine.name) engine keeps no journal")
        }
        // What comes while the first ones are read is met again by the look after that.
        var last = try await store.entries(before: nil, limit: 1).first?.place
        var deeds: [JournalDeedView] = []
        var cursor: String?
        repeat {
            let page = try await journal(filter, cursor: cursor, limit: min(latest - deeds.count, Self.journalStep))
            deeds += page.deeds
            cursor = page.cursor
        } while cursor != nil && deeds.count < latest
        try body(deeds.reversed())
        var known = Set(deeds.map { [$0.id, $0.outcome] })
        while true {
            try await Task.sleep(for: interval)
            do {
                let entries = try await entries(of: store, after: last)
                guard let newest = entries.last else { continue }
                last = newest.place
                let wanted = Self.latest(of: entries).filter {
                    filter.matches($0.deed, redaction) && isVisible($0.deed)
                }
                try body(wanted.map(JournalDeedView.init).filter { !known.contains([$0.id, $0.outcome]) })
                known = []
            } catch let error as SpanQueueError where error.isWorthTryingAgain {
                problem(error)
            }
        }
    }

    /// Without the intents of those deeds that have ended since.
    static func latest(of entries: [JournalEntry]) -> [JournalEntry] {
        let ended = Set(entries.compactMap(\.intent))
        return entries.filter { !ended.contains($0.place) }
    }

    /// What came after a place, the oldest first; all there is where that is no longer kept.
    private func entries(of store: any JournalStore, after place: String?) async throws -> [JournalEntry] {
        var entries: [JournalEntry] = []
        while true {
            let page = try await store.entries(before: entries.last?.place, limit: Self.journalStep)
            let fresh = page.prefix { $0.place != place }
            entries += fresh
            guard fresh.count == Self.journalStep else { return entries.reversed() }
        }
    }
}

extension SpanQueueError {
    /// Whether the same may be answered later.
    fileprivate var isWorthTryingAgain: Bool { [.unavailable, .timeout, .overloaded].contains(code) }
}
