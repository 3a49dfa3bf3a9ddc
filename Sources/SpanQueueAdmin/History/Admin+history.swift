// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

package import SpanQueue

extension Admin {
    /// The most queues whose histories are added up.
    private static let mostQueues = 240

    /// How attempts went in the last while, as workers have told: in a queue, with its types, or in the first 240 by name together.
    ///
    /// - Parameter count: how many slots back.
    /// - Throws: `.notFound` for a queue that does not exist; `.unsupported` where the engine keeps no history.
    package func history(
        of queue: String? = nil, _ resolution: HistoryResolution, last count: Int
    ) async throws -> HistoryView {
        let engine = try await self.queue.engine
        guard let store = engine as? any HistoryStore else {
            throw SpanQueueError(.unsupported, "the \(engine.name) engine keeps no history")
        }
        let names = Array(try await names(in: JobFilter(queue: queue)).prefix(Self.mostQueues))
        let slots = try await store.history(of: names, resolution, last: count, namesTypes: queue != nil)
        return HistoryView(slots, of: names, resolution, isOfOne: queue != nil)
    }
}

extension HistoryResolution {
    /// - Throws: `.invalidArgument` for a word that is none.
    package init(_ word: String) throws(SpanQueueError) {
        guard let known = Self.all.first(where: { $0.name == word }) else {
            throw SpanQueueError(
                .invalidArgument, "resolution: use one of \(Self.all.map(\.name).joined(separator: ", "))")
        }
        self = known
    }
}
