// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

package import SpanQueue

extension Admin {
    /// How many jobs a preview looks at, at most about.
    package static let previewBudget = 100_000
    private static let exampleCount = 10
    private static let stepLimit = 100

    /// An order for what there is now.
    ///
    /// - Throws: `.invalidArgument` for a state to which the action can't be done; `.notFound` for a queue that does not exist.
    package func order(_ action: JobAction, _ filter: JobFilter) async throws -> BulkOrder {
        _ = try await names(in: filter)
        return try BulkOrder(action, filter, notAfter: try await queue.engine.now())
    }

    /// What an order would be done to. Nothing is changed.
    package func preview(_ order: BulkOrder) async throws -> BulkPreview {
        var preview = BulkPreview(order)
        for name in try await names(in: order.filter) {
            if order.wantsAll, let counts = try await queue.counts(of: [name]).first {
                for state in order.states { preview.add(counts[state], in: state) }
            }
            for state in order.states {
                let isDone = try await walk(order, in: name, state, isForAction: false) { step in
                    preview.add(step, isCounted: order.wantsAll, examples: Self.exampleCount)
                    let isEnough = order.wantsAll && preview.examples.count >= Self.exampleCount
                    return !isEnough && preview.scanned < Self.previewBudget
                }
                if !isDone, !order.wantsAll { preview.isExact = false }
            }
        }
        return preview
    }

    /// Does it, step by step, until all that there was is done or somebody stops it.
    func perform(_ order: BulkOrder, by: String, progress: BulkProgress) async throws {
        let searcher = try await searcher
        for name in try await names(in: order.filter) {
            for state in order.states {
                if progress.isStopped { return }
                try await walk(order, in: name, state, isForAction: true) { step in
                    let outcomes =
                        step.jobs.isEmpty
                        ? []
                        : try await searcher.perform(
                            order.action, on: step.jobs.map(\.message.id), in: name, if: state, by: by)
                    progress.add(scanned: step.scanned, outcomes)
                    return !progress.isStopped
                }
            }
        }
    }

    /// Goes through the jobs of a queue and state that an order is for.
    ///
    /// - Parameter body: is given each step, and says whether to go on.
    /// - Returns: whether it went to the end.
    @discardableResult
    private func walk(
        _ order: BulkOrder, in name: String, _ state: JobState, isForAction: Bool,
        _ body: (SearchPage) async throws -> Bool
    ) async throws -> Bool {
        let searcher = try await searcher
        let question = order.question(redaction)
        // From the tail of the list: an end of its own tells the place of one that is gone.
        var request = SearchRequest(
            queue: name, state: state, query: question.query, limit: Self.stepLimit, newestFirst: state == .completed,
            isForAction: isForAction)
        repeat {
            let goesOn = try await paced(true) {
                var step = try await searcher.search(request)
                request.cursor = step.cursor
                step.jobs.removeAll { !question.wants($0) }
                return try await body(step)
            }
            guard goesOn else { return request.cursor == nil }
        } while request.cursor != nil
        return true
    }
}

/// What an action on many jobs would be done to.
package struct BulkPreview: Sendable {
    package let order: BulkOrder
    package private(set) var count = 0
    /// Whether that is all; else there are at least so many.
    package internal(set) var isExact = true
    package private(set) var scanned = 0
    package private(set) var examples: [JobRecord] = []
    package private(set) var byState: [JobState: Int] = [:]
    /// Of those that were read.
    package private(set) var byType: [String: Int] = [:]

    init(_ order: BulkOrder) {
        self.order = order
    }

    mutating func add(_ count: Int, in state: JobState) {
        guard count > 0 else { return }
        self.count += count
        byState[state, default: 0] += count
    }

    mutating func add(_ step: SearchPage, isCounted: Bool, examples most: Int) {
        scanned += step.scanned
        for job in step.jobs {
            if !isCounted { add(1, in: job.state) }
            byType[job.message.type, default: 0] += 1
            if examples.count < most { examples.append(job) }
        }
    }
}
