// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueue

extension Call {
    /// Makes the call on a real engine.
    func send(to engine: any Engine, queue: String) async throws -> Answer {
        switch self {
        case .enqueue(let jobs): .enqueued(try await engine.enqueue(jobs))
        case .claim(let request): .claimed(try await engine.claim(request))
        case .extend(let claims, let lease): .extended(try await engine.extend(claims, in: queue, by: lease))
        case .settle(let settlements): .settled(try await engine.settleAll(settlements))
        case .report(let job, let progress): .reported(try await engine.report(progress, on: job))
        case .reclaim(let request): .reclaimed(try await engine.reclaim(request))
        case .sweep: .swept(try await engine.sweep(queue))
        case .passWakeUp: try await nothing { await engine.passWakeUp(in: [queue]) }
        case .pause: try await nothing { _ = try await engine.pause(queue) }
        case .resume: try await nothing { _ = try await engine.resume(queue) }
        case .perform(let action, let id): .acted(try await engine.perform(action, on: id, in: queue))
        case .performAll(let request): .actedOnMany(try await engine.performAll(request))
        // When it was paused and by whom is the engine's alone.
        case .counts: .counted(try await engine.counts(of: [queue]).map(\.withoutNote))
        case .list(let request): .listed(try await allPages(of: request, engine))
        case .find(let id): .found(try await engine.job(id, in: queue))
        case .search(let request): .listed(try await allSteps(of: request, engine))
        case .performEach(let action, let ids, let state):
            .actedOnEach(
                try await searcher(engine).perform(action, on: ids, in: queue, if: state, by: nil))
        }
    }

    private func nothing(_ body: () async throws -> Void) async throws -> Answer {
        try await body()
        return .nothing
    }

    private func searcher(_ engine: any Engine) throws -> any JobSearcher {
        guard let searcher = engine as? any JobSearcher else { throw Violation("the engine can't search") }
        return searcher
    }

    private func allSteps(of request: SearchRequest, _ engine: any Engine) async throws -> [JobRecord] {
        var request = request
        var jobs: [JobRecord] = []
        for _ in 0..<1000 {
            let step = try await searcher(engine).search(request)
            try require(step.jobs.count <= request.limit, "a step has more jobs than asked for")
            jobs += step.jobs
            guard let cursor = step.cursor else { return jobs }
            request.cursor = cursor
        }
        throw Violation("the search for \(request.state.rawValue) jobs does not come to an end")
    }

    private func allPages(of request: ListRequest, _ engine: any Engine) async throws -> [JobRecord] {
        var request = request
        var jobs: [JobRecord] = []
        for _ in 0..<1000 {
            let page = try await engine.list(request)
            try require(page.jobs.count <= request.limit, "a page has more jobs than asked for")
            jobs += page.jobs
            guard let cursor = page.cursor else { return jobs }
            request.cursor = cursor
        }
        throw Violation("the pages of \(request.state.rawValue) jobs do not come to an end")
    }
}
