// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

/// Decides which queues to claim from, and how much from each. Pure: it is told what each claim gave. A queue is a lane here,
/// its place in the worker's selection.
///
/// Weighted order deals out the free slots one by one by smooth weighted round-robin (as nginx does), which keeps the shares
/// exact over any run of slots while every queue has work; some at a time where slots are free again at once, so that a claim from a
/// queue is worth its call. A queue that came up empty is left out, so that it costs no round
/// trips, and asked again when slots are left over or a probe is due. A closed queue is not asked at all.
package struct QueueSelector {
    private struct Lane {
        let weight: Int
        var credit = 0
        var isEmpty = false
        var isOpen = true
        var wasAsked = false
    }

    package struct Share: Equatable, Sendable {
        package let lane: Int
        package let limit: Int
    }

    private let order: QueueSelection.Order
    private var lanes: [Lane]

    package init(_ selection: QueueSelection) {
        order = selection.order
        lanes = selection.lanes.map { Lane(weight: $0.weight) }
    }

    /// Begins a pass over the queues.
    ///
    /// - Parameter probing: also ask the queues that were empty last time.
    package mutating func begin(probing: Bool) {
        let isProbing = probing || isAllEmpty
        for index in lanes.indices {
            lanes[index].wasAsked = false
            if isProbing { lanes[index].isEmpty = false }
        }
    }

    /// What to claim next, in one round trip, to fill `slots`; empty when the pass is over.
    ///
    /// - Parameter chunk: how many slots at a time are dealt out.
    package mutating func next(slots: Int, chunk: Int = 1) -> [Share] {
        guard slots > 0 else { return [] }
        switch order {
        case .strict:
            // A queue that has more goes before all that follow it, also in slots that became free meanwhile.
            if lanes.contains(where: { $0.isOpen && $0.wasAsked && !$0.isEmpty }) { return [] }
            guard let lane = lanes.firstIndex(where: { $0.isOpen && !$0.wasAsked }) else { return [] }
            return ask([Share(lane: lane, limit: min(slots, ClaimRequest.maximumBatch))])
        case .weighted:
            let full = lanes.indices.filter { lanes[$0].isOpen && !lanes[$0].isEmpty }
            let candidates = full.isEmpty ? lanes.indices.filter { lanes[$0].isOpen && !lanes[$0].wasAsked } : full
            return candidates.isEmpty ? [] : ask(deal(slots, by: chunk, among: candidates))
        }
    }

    /// Takes note of what a claim gave.
    package mutating func record(_ lane: Int, hasMore: Bool) {
        lanes[lane].isEmpty = !hasMore
    }

    /// Opens or closes a queue. One that opens is asked in the next pass.
    package mutating func set(_ lane: Int, isOpen: Bool) {
        if isOpen, !lanes[lane].isOpen { lanes[lane].isEmpty = false }
        lanes[lane].isOpen = isOpen
    }

    /// Whether every open queue was empty when it was last asked.
    package var isAllEmpty: Bool { lanes.allSatisfy { $0.isEmpty || !$0.isOpen } }

    private mutating func ask(_ shares: [Share]) -> [Share] {
        for share in shares { lanes[share.lane].wasAsked = true }
        return shares
    }

    private mutating func deal(_ slots: Int, by chunk: Int, among candidates: [Int]) -> [Share] {
        var limits = [Int](repeating: 0, count: lanes.count)
        let total = candidates.reduce(0) { $0 + lanes[$1].weight }
        var left = slots
        while left > 0 {
            let count = min(chunk, left)
            var best = candidates[0]
            for index in candidates {
                lanes[index].credit += lanes[index].weight * count
                if lanes[index].credit > lanes[best].credit { best = index }
            }
            lanes[best].credit -= total * count
            limits[best] += count
            left -= count
        }
        return candidates.compactMap { index in
            limits[index] == 0 ? nil : Share(lane: index, limit: min(limits[index], ClaimRequest.maximumBatch))
        }
    }
}
