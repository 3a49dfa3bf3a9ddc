import Foundation
import SpanQueue

/// Queues as people write them: `critical:6,default:3,low:1`, or names alone.
enum QueuesText {
    /// Queues with weights; a name alone has weight 1.
    static func weighted(_ items: [String]) throws(SettingProblem) -> QueueSelection {
        var weights: [(queue: String, weight: Int)] = []
        for item in split(items) {
            let parts = item.split(separator: ":", omittingEmptySubsequences: false)
            guard parts.count <= 2, let name = parts.first, let weight = parts.count == 1 ? 1 : Int(parts[1]) else {
                throw SettingProblem("\"\(item)\" is no queue with a weight: write critical:6,default:3,low:1")
            }
            weights.append((String(name), weight))
        }
        return try checked(.weighted(weights))
    }

    /// Queues of which each is served only while those before it are empty.
    static func strict(_ items: [String]) throws(SettingProblem) -> QueueSelection {
        let names = split(items)
        if let item = names.first(where: { $0.contains(":") }) {
            throw SettingProblem("\"\(item)\" has a weight, and strict order has none: write critical,default,low")
        }
        return try checked(.strict(names))
    }

    static func format(_ selection: QueueSelection) -> String {
        selection.lanes.map { selection.order == .strict ? $0.queue : "\($0.queue):\($0.weight)" }.joined(
            separator: ",")
    }

    private static func split(_ items: [String]) -> [String] {
        items.flatMap { $0.split(separator: ",") }.map { $0.trimmingCharacters(in: .whitespaces) }
    }

    private static func checked(_ selection: QueueSelection) throws(SettingProblem) -> QueueSelection {
        var configuration = WorkerConfiguration()
        configuration.queues = selection
        return try SettingProblem.wrap {
            try configuration.check()
            return selection
        }
    }
}
