import DequeModule
import Synchronization

/// Lets concurrent callers share round trips: while one is under way, further items gather and leave together when it is over.
/// Nobody waits for a timer, and a lone caller pays for nothing but its own call.
final class GroupCommit<Item: Sendable, Outcome: Sendable>: Sendable {
    private struct Waiter: Sendable {
        let item: Item
        let continuation: CheckedContinuation<Outcome, any Error>
    }

    private struct State: Sendable {
        var isCommitting = false
        var waiting = Deque<Waiter>()

        /// Claims the right to commit; false while another has it.
        mutating func begin() -> Bool {
            guard !isCommitting else { return false }
            isCommitting = true
            return true
        }

        mutating func takeBatch(limit: Int, weight: (Item) -> Int) -> [Waiter] {
            var batch: [Waiter] = []
            var sum = 0
            while let next = waiting.first {
                sum += weight(next.item)
                guard batch.isEmpty || sum <= limit else { break }
                batch.append(waiting.removeFirst())
            }
            return batch
        }
    }

    private let state = Mutex(State())
    private let weight: @Sendable (Item) -> Int
    private let limit: Int

    /// - Parameters:
    ///   - limit: the greatest weight of one commit; a single item may exceed it.
    ///   - weight: how much an item counts.
    init(limit: Int, weight: @escaping @Sendable (Item) -> Int) {
        self.limit = limit
        self.weight = weight
    }

    /// - Parameter commit: must return one outcome for each item, in order.
    func submit(
        _ item: Item, commit: @escaping @Sendable ([Item]) async throws -> [Outcome]
    ) async throws -> Outcome {
        if state.withLock({ $0.begin() }) {
            defer { commitNext(commit) }
            return try await commit([item])[0]
        }
        return try await withCheckedThrowingContinuation { continuation in
            let isFirst = state.withLock { state in
                state.waiting.append(Waiter(item: item, continuation: continuation))
                return state.begin()
            }
            if isFirst { commitNext(commit) }
        }
    }

    /// Starts the commit of what has gathered, or notes that none is under way.
    ///
    /// The task is unstructured on purpose: the batch belongs to many callers, and must not die with one of them.
    private func commitNext(_ commit: @escaping @Sendable ([Item]) async throws -> [Outcome]) {
        let batch = state.withLock { state in
            let batch = state.takeBatch(limit: limit, weight: weight)
            state.isCommitting = !batch.isEmpty
            return batch
        }
        guard !batch.isEmpty else { return }
        Task {
            do {
                let outcomes = try await commit(batch.map(\.item))
                for (waiter, outcome) in zip(batch, outcomes) { waiter.continuation.resume(returning: outcome) }
            } catch {
                for waiter in batch { waiter.continuation.resume(throwing: error) }
            }
            commitNext(commit)
        }
    }
}
