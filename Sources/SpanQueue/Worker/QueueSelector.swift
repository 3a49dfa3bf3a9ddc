/// Decides which queues to claim from, and how much from each. Pure: it is told what each claim gave.
///
/// Weighted order deals out the free slots one by one by smooth weighted round-robin (as nginx does), which keeps the shares
/// exact over any run of slots while every queue has work. A queue that came up empty is left out, so that it costs no round
/// trips, and asked again when slots are left over or a probe is due.
struct QueueSelector {
    private struct Lane {
        let queue: String
        let weight: Int
        var credit = 0
        var isEmpty = false
    }

    struct Share: Equatable {
        let queue: String
        let limit: Int
    }

    private let order: QueueSelection.Order
    private var lanes: [Lane]
    private var asked: Set<String> = []

    init(_ selection: QueueSelection) {
        order = selection.order
        lanes = selection.lanes.map { Lane(queue: $0.queue, weight: $0.weight) }
    }

    /// Begins a pass over the queues.
    ///
    /// - Parameter probing: also ask the queues that were empty last time.
    mutating func begin(probing: Bool) {
        asked.removeAll(keepingCapacity: true)
        if probing || lanes.allSatisfy(\.isEmpty) {
            for index in lanes.indices { lanes[index].isEmpty = false }
        }
    }

    /// What to claim next, in one round trip, to fill `slots`; empty when the pass is over.
    mutating func next(slots: Int) -> [Share] {
        guard slots > 0 else { return [] }
        switch order {
        case .strict:
            // A queue that has more goes before all that follow it, also in slots that became free meanwhile.
            if lanes.contains(where: { asked.contains($0.queue) && !$0.isEmpty }) { return [] }
            guard let lane = lanes.first(where: { !asked.contains($0.queue) }) else { return [] }
            return ask([Share(queue: lane.queue, limit: min(slots, ClaimRequest.maximumBatch))])
        case .weighted:
            let full = lanes.indices.filter { !lanes[$0].isEmpty }
            let candidates = full.isEmpty ? lanes.indices.filter { !asked.contains(lanes[$0].queue) } : full
            return candidates.isEmpty ? [] : ask(deal(slots, among: candidates))
        }
    }

    /// Takes note of what a claim gave.
    mutating func record(_ queue: String, hasMore: Bool) {
        guard let index = lanes.firstIndex(where: { $0.queue == queue }) else { return }
        lanes[index].isEmpty = !hasMore
    }

    /// Whether every queue was empty when it was last asked.
    var isAllEmpty: Bool { lanes.allSatisfy(\.isEmpty) }

    private mutating func ask(_ shares: [Share]) -> [Share] {
        for share in shares { asked.insert(share.queue) }
        return shares
    }

    private mutating func deal(_ slots: Int, among candidates: [Int]) -> [Share] {
        var limits = [Int](repeating: 0, count: lanes.count)
        let total = candidates.reduce(0) { $0 + lanes[$1].weight }
        for _ in 0..<slots {
            var best = candidates[0]
            for index in candidates {
                lanes[index].credit += lanes[index].weight
                if lanes[index].credit > lanes[best].credit { best = index }
            }
            lanes[best].credit -= total
            limits[best] += 1
        }
        return candidates.compactMap { index in
            limits[index] == 0
                ? nil : Share(queue: lanes[index].queue, limit: min(limits[index], ClaimRequest.maximumBatch))
        }
    }
}
