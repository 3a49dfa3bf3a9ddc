// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueue

extension Admin {
    /// How many jobs of each queue and state are looked at for the types, at most about.
    private static let typeBudget = 2_000

    /// The types of jobs that there are, by looking at jobs of each queue and state from where the news is; and those that workers handle
    /// or that failed, if there is no job of them now.
    ///
    /// - Throws: `.notFound` for a queue that does not exist.
    package func types(in name: String? = nil) async throws -> TypesView {
        let searcher = try await searcher
        let engine = try await queue.engine
        var tallies: [String: TypeTally] = [:]
        var scanned = 0
        var isComplete = true
        let names = try await names(in: JobFilter(queue: name))
        let counts = try await queue.counts(of: names)
        for (name, counts) in zip(names, counts) {
            for state in JobState.known where counts[state] > 0 {
                var request = SearchRequest(
                    queue: name, state: state, query: JobQuery(), limit: SearchPage.step,
                    newestFirst: state.isNewestFirst)
                var looked = 0
                repeat {
                    let page = try await paced(true) { try await searcher.types(request) }
                    for (type, count) in page.counts.map({ (redaction.masked($0), $1) }) {
                        tallies[type, default: TypeTally()].queues.insert(name)
                        tallies[type]?.jobs[state, default: 0] += count
                    }
                    looked += page.scanned
                    request.cursor = page.cursor
                } while request.cursor != nil && looked < Self.typeBudget
                scanned += looked
                if request.cursor != nil { isComplete = false }
            }
            for group in try await (engine as? any ErrorStore)?.errors(in: name) ?? [] where group.fingerprint != nil {
                let type = redaction.masked(group.jobType)
                tallies[type, default: TypeTally()].queues.insert(name)
                tallies[type]?.errors += group.count
            }
        }
        let workers = try await visibleWorkers().filter { name == nil || $0.queues.contains(name ?? "") }
        // Patterns are no types.
        for type in workers.flatMap(\.types) where !type.hasSuffix("*") {
            let shown = redaction.masked(type)
            if tallies[shown] == nil { tallies[shown] = TypeTally() }
        }
        tallies[""] = nil
        let types = tallies.map { type, tally in TypeView(type, tally, workers: workers.count { $0.handles(type) }) }
        return TypesView(
            types: types.sorted { ($0.total, $1.type) > ($1.total, $0.type) }, scanned: scanned, complete: isComplete)
    }
}

extension TypeView {
    fileprivate var total: Int { jobs.values.reduce(0, +) }
}
