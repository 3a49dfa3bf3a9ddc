// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

/// A search for an engine that has none of its own: it reads lists, a page a step, and looks at each job itself.
package struct ListSearcher: JobSearcher {
    private let engine: any Engine

    package init(_ engine: any Engine) {
        self.engine = engine
    }

    package var name: String { engine.name }
    package func start() async throws { try await engine.start() }
    package func shutdown() async { await engine.shutdown() }
    package func now() async throws -> Timestamp { try await engine.now() }

    package func search(_ request: SearchRequest) async throws -> SearchPage {
        let page = try await list(request)
        return SearchPage(
            jobs: page.jobs.filter(request.query.matches), cursor: page.cursor, scanned: page.jobs.count)
    }

    package func types(_ request: SearchRequest) async throws -> TypePage {
        let page = try await list(request)
        let counts = Dictionary(page.jobs.map { ($0.message.type, 1) }, uniquingKeysWith: +)
        return TypePage(counts: counts, cursor: page.cursor, scanned: page.jobs.count)
    }

    /// No more than are wanted: what is found is all given.
    private func list(_ request: SearchRequest) async throws -> ListPage {
        try await engine.list(
            ListRequest(
                queue: request.queue, state: request.state, cursor: request.cursor,
                limit: min(request.limit, SearchPage.step), newestFirst: request.newestFirst))
    }

    package func perform(
        _ action: JobAction, on ids: [JobID], in queue: String, if state: JobState, by: String?
    ) async throws -> [ActionOutcome] {
        var outcomes: [ActionOutcome] = []
        for id in ids {
            // Between the look and the deed it may move on; what an action does not allow, it refuses.
            let found = try await engine.job(id, in: queue)?.state
            switch found {
            case nil: outcomes.append(.notFound)
            case state?, action.aim?: outcomes.append(try await engine.perform(action, on: id, in: queue, by: by))
            case let other?: outcomes.append(.invalidState(other))
            }
        }
        return outcomes
    }
}
