// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueue

/// What an action on many jobs would be done to.
package struct BulkPreviewView: Encodable, Sendable {
    package struct Example: Encodable, Sendable {
        package let id: String
        package let queue: String
        package let type: String
        package let state: String
    }

    /// What to pass to have it done; null where it is not kept.
    @OrNull package var token: String?
    @OrNull package var expiresAt: String?
    package let action: String
    package let filter: String
    package let notAfter: String
    package let count: Int
    /// Whether that is all; else there are at least so many.
    package let exact: Bool
    package let scanned: Int
    package let examples: [Example]
    package let byState: [String: Int]
    /// Of those that were read.
    package let byType: [String: Int]

    private enum CodingKeys: String, CodingKey {
        case token, action, filter, count, exact, scanned, examples
        case expiresAt = "expires_at"
        case notAfter = "not_after"
        case byState = "by_state"
        case byType = "by_type"
    }

    package init(_ preview: BulkPreview, token: String? = nil, expiresAt: String? = nil) {
        action = preview.order.action.word
        filter = preview.order.filter.description
        notAfter = preview.order.notAfter.description
        count = preview.count
        exact = preview.isExact
        scanned = preview.scanned
        examples = preview.examples.map {
            Example(id: "\($0.id)", queue: $0.queue, type: $0.type, state: $0.state.rawValue)
        }
        byState = Dictionary(uniqueKeysWithValues: preview.byState.map { ($0.rawValue, $1) })
        byType = preview.byType
        _token = OrNull(wrappedValue: token)
        _expiresAt = OrNull(wrappedValue: expiresAt)
    }
}

/// What an action on many jobs has done so far.
package struct BulkCountsView: Encodable, Sendable {
    package let scanned: Int
    package let done: Int
    package let requested: Int
    package let duplicates: Int
    package let moved: Int
    package let missing: Int

    package init(_ counts: BulkProgress.Counts) {
        scanned = counts.scanned
        done = counts.done
        requested = counts.requested
        duplicates = counts.duplicates
        moved = counts.moved
        missing = counts.missing
    }
}
