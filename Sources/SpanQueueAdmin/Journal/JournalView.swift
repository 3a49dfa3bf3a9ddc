// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

package import SpanQueue

/// What somebody did.
package struct JournalDeedView: Encodable, Sendable {
    package let id: String
    package let at: String
    package let by: String
    @OrNull package var role: String?
    @OrNull package var address: String?
    package let via: String
    package let action: String
    @OrNull package var queue: String?
    @OrNull package var target: String?
    @OrNull package var reason: String?
    /// `done` or `failed`; null where it goes on, or its process ended in the midst of it.
    @OrNull package var outcome: String?
    @OrNull package var count: Int?
    @OrNull package var error: String?

    /// - Parameter entry: the latest of its deed; its moment is that of the outcome, where there is one.
    package init(_ entry: JournalEntry) {
        let deed = entry.deed
        let (outcome, count, error): (String?, Int?, String?) =
            switch entry.outcome {
            case nil: (nil, nil, nil)
            case .done(let count): ("done", count, nil)
            case .failed(let error): ("failed", nil, error)
            }
        id = entry.intent ?? entry.place
        at = entry.at.description
        by = deed.by
        via = deed.via
        action = deed.action
        _role = OrNull(wrappedValue: deed.role)
        _address = OrNull(wrappedValue: deed.address)
        _queue = OrNull(wrappedValue: deed.queue)
        _target = OrNull(wrappedValue: deed.target)
        _reason = OrNull(wrappedValue: deed.reason)
        _outcome = OrNull(wrappedValue: outcome)
        _count = OrNull(wrappedValue: count)
        _error = OrNull(wrappedValue: error)
    }
}

/// A page of the journal.
package struct JournalPageView: Encodable, Sendable {
    /// The newest first.
    package let deeds: [JournalDeedView]
    /// What to pass for the next page, which may turn out empty; null at the end.
    @OrNull package var cursor: String?

    package init(deeds: [JournalDeedView], cursor: String?) {
        self.deeds = deeds
        _cursor = OrNull(wrappedValue: cursor)
    }
}
