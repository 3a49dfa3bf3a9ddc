// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueue

/// Where a search stands: in one of the tables' states of a job's state, at its start or behind a place in its order.
struct SearchWalk: Sendable, Hashable {
    /// What is left of them, the one at hand first.
    private var states: ArraySlice<String>
    private(set) var place: Place?
    let isReverse: Bool

    struct Place: Sendable, Hashable {
        let first: Int64
        let second: Int64
    }

    /// - Throws: `.invalidArgument` for a cursor that is none of this search.
    init(_ request: SearchRequest) throws(SpanQueueError) {
        isReverse = request.newestFirst && request.state.isNewestFirst
        states = (isReverse ? request.state.stored.reversed() : request.state.stored)[...]
        guard let cursor = request.cursor else { return }
        let parts = cursor.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 3, let index = states.firstIndex(of: String(parts[0])) else { throw Self.invalid }
        states = states[index...]
        guard !parts[1].isEmpty || !parts[2].isEmpty else { return }
        guard let first = Int64(parts[1]), let second = Int64(parts[2]) else { throw Self.invalid }
        place = Place(first: first, second: second)
    }

    private static let invalid = SpanQueueError(
        .invalidArgument, "not a cursor of this list: pass the one that the last page gave")

    /// The state to look at; nil at the end.
    var state: String? { states.first }

    /// What leads here again; nil at the end.
    var cursor: String? {
        state.map { "\($0)/\(place.map { "\($0.first)" } ?? "")/\(place.map { "\($0.second)" } ?? "")" }
    }

    mutating func go(to place: Place?) { self.place = place }

    mutating func nextState() {
        states = states.dropFirst()
        place = nil
    }
}
