// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

/// Which queues a worker serves, and how it chooses among them.
package struct QueueSelection: Sendable, Hashable, ExpressibleByDictionaryLiteral {
    /// How a worker chooses.
    package enum Order: Sendable, Hashable {
        /// Each queue gets its share of the claims while all have work: a queue of weight 6 six times that of weight 1.
        case weighted
        /// A queue is served only while all before it are empty.
        case strict
    }

    /// A queue and its weight.
    package struct Lane: Sendable, Hashable {
        /// The queue's name.
        package let queue: String
        /// Its weight, from 1; without meaning under strict order.
        package let weight: Int
    }

    /// How a worker chooses.
    package let order: Order
    /// The queues; under strict order the first is served first.
    package let lanes: [Lane]

    /// Queues with weights, 1 to 1000: `["critical": 6, "default": 3, "low": 1]`.
    package init(dictionaryLiteral elements: (String, Int)...) {
        self.order = .weighted
        self.lanes = elements.map { Lane(queue: $0, weight: $1) }
    }

    /// Queues with weights, 1 to 1000.
    package static func weighted(_ weights: [(queue: String, weight: Int)]) -> QueueSelection {
        QueueSelection(order: .weighted, lanes: weights.map { Lane(queue: $0.queue, weight: $0.weight) })
    }

    /// Queues with weights, 1 to 1000, known only at run time; in the order of their names.
    package static func weighted(_ weights: [String: Int]) -> QueueSelection {
        weighted(weights.sorted { $0.key < $1.key }.map { (queue: $0.key, weight: $0.value) })
    }

    /// Queues in the order in which they are served.
    package static func strict(_ queues: [String]) -> QueueSelection {
        QueueSelection(order: .strict, lanes: queues.map { Lane(queue: $0, weight: 1) })
    }

    private init(order: Order, lanes: [Lane]) {
        self.order = order
        self.lanes = lanes
    }

    /// The weights by queue.
    package var weights: [String: Int] {
        Dictionary(lanes.map { ($0.queue, $0.weight) }) { first, _ in first }
    }

    /// The queues' names.
    package var queues: [String] { lanes.map(\.queue) }

    package func check() throws(SpanQueueError) {
        guard !lanes.isEmpty else { throw .invalidArgument("no queues: name at least one") }
        for lane in lanes {
            try NameRule.queue.check(lane.queue)
            guard (1...1000).contains(lane.weight) else {
                throw .invalidArgument("weight \(lane.weight) of queue \(lane.queue): use 1 to 1000")
            }
        }
        guard Set(queues).count == lanes.count else { throw .invalidArgument("a queue is named twice: \(queues)") }
    }
}
