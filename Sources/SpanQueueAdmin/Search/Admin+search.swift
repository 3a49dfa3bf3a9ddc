// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueue

extension Admin {
    /// About how many jobs one page looks at.
    package static let searchBudget = 10_000
    /// A search takes this many times as long as its steps do, so that it leaves the engine to others.
    private static let pace = 4

    /// A page of jobs, queue by queue and state by state: those that wait in the order in which they will run, those that have ended
    /// with the newest first.
    ///
    /// - Parameters:
    ///   - cursor: where the last page of the same filter ended.
    ///   - limit: the most jobs wanted, 1 to 1,000.
    /// - Throws: `.notFound` for a queue that does not exist; `.invalidArgument` for a cursor of another filter.
    package func search(_ filter: JobFilter, cursor: String? = nil, limit: Int) async throws -> JobsPage {
        var page = JobsPage()
        let start: SearchCursor? = if let cursor { try SearchCursor(cursor, of: filter) } else { nil }
        let searcher = try await searcher
        let query = filter.query(at: try await searcher.now())
        let states = filter.state.map { [$0] } ?? JobState.known
        for name in try await names(in: filter) where start.map({ name >= $0.queue }) ?? true {
            let isFirst = name == start?.queue
            for state in states.drop(while: { isFirst && $0 != start?.state }) {
                var place = isFirst && state == start?.state ? start?.place : nil
                repeat {
                    if page.jobs.count >= limit || page.scanned >= Self.searchBudget {
                        page.cursor = SearchCursor(queue: name, state: state, place: place).text(of: filter)
                        return page
                    }
                    let step = try await paced(!query.isEmpty) {
                        try await searcher.search(
                            SearchRequest(
                                queue: name, state: state, query: query, cursor: place,
                                limit: min(limit - page.jobs.count, 500), newestFirst: state.isNewestFirst))
                    }
                    page.scanned += step.scanned
                    page.jobs += step.jobs
                    place = step.cursor
                } while place != nil
            }
        }
        return page
    }

    /// The queues in which to look.
    func names(in filter: JobFilter) async throws -> [String] {
        guard let name = filter.queue else { return try await names() }
        return try await queues([name]).map(\.name)
    }

    /// Does a step, and waits so long that a search is at the engine only a part of the time.
    func paced<Result>(_ isPaced: Bool, _ step: () async throws -> Result) async throws -> Result {
        guard isPaced else { return try await step() }
        let start = ContinuousClock.now
        let result = try await step()
        try await Task.sleep(for: (ContinuousClock.now - start) * (Self.pace - 1))
        return result
    }

    var searcher: any JobSearcher {
        get async throws {
            let engine = try await queue.engine
            return engine as? any JobSearcher ?? ListSearcher(engine)
        }
    }
}
