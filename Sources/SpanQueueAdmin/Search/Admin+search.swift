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
        let question = filter.question(at: try await searcher.now(), redaction)
        let states = filter.state.map { [$0] } ?? JobState.known
        for name in try await names(in: filter) where start.map({ name >= $0.queue }) ?? true {
            let isFirst = name == start?.queue
            for state in states.drop(while: { isFirst && $0 != start?.state }) {
                var place = isFirst && state == start?.state ? start?.place : nil
                repeat {
                    if page.jobs.count >= limit || page.scanned >= Self.searchBudget {
                        page.cursor = SearchCursor(queue: name, state: state, place: place).text(of: filter, redaction)
                        return page
                    }
                    let request = SearchRequest(
                        queue: name, state: state, query: question.query, cursor: place,
                        newestFirst: state.isNewestFirst)
                    let step = try await find(min(limit - page.jobs.count, 500), of: question, request, by: searcher)
                    page.scanned += step.scanned
                    page.jobs += step.jobs
                    place = step.cursor
                } while place != nil
            }
        }
        return page
    }

    /// A step of a search, which finds no more than are wanted.
    private func find(
        _ most: Int, of question: JobQuestion, _ request: SearchRequest, by searcher: any JobSearcher
    ) async throws -> SearchPage {
        var request = request
        request.limit = question.limit(for: most)
        while true {
            var step = try await paced(!question.isEmpty) { [request] in try await searcher.search(request) }
            let places = step.jobs.indices.filter { question.wants(step.jobs[$0]) }
            guard places.count > most else {
                step.jobs = places.map { step.jobs[$0] }
                return step
            }
            // The page ends behind the last that it has room for: once more, up to that one.
            request.limit = places[most - 1] + 1
        }
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
