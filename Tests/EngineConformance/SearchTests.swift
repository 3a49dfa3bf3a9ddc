// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueue
import Testing

@Suite("search")
struct SearchTests {
    private func searcher(_ bench: Bench) -> any JobSearcher {
        bench.engine as? any JobSearcher ?? ListSearcher(bench.engine)
    }

    /// All that a search finds, and how many jobs it looked at.
    private func found(
        _ bench: Bench, _ state: JobState, _ query: JobQuery, page: Int = 100, newestFirst: Bool = false,
        isForAction: Bool = false
    ) async throws -> (ids: [JobID], scanned: Int) {
        var request = SearchRequest(
            queue: bench.queue, state: state, query: query, limit: page, newestFirst: newestFirst,
            isForAction: isForAction)
        var ids: [JobID] = []
        var scanned = 0
        for _ in 0..<1000 {
            let step = try await searcher(bench).search(request)
            #expect(step.jobs.count <= page && step.scanned <= SearchPage.step)
            ids += step.jobs.map(\.message.id)
            scanned += step.scanned
            guard let cursor = step.cursor else { return (ids, scanned) }
            request.cursor = cursor
        }
        Issue.record("the search does not come to an end")
        return (ids, scanned)
    }

    @Test("jobs are found by type, tags and the start of the id, in order", arguments: EngineUnderTest.all)
    func content(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            let lock = bench.lock(1, .untilFinished)
            let jobs = [
                bench.job("a-1", type: "mail:welcome"), bench.job("b-2", type: "mail:welcome2", tags: ["tenant:9"]),
                bench.job("a-3", type: "mail", unique: lock, digest: 7, tags: ["tenant:9", "vip"]),
                bench.job("b-4", type: "mail:welcome", payload: Array("tenant:9 vip".utf8), tags: ["tenant:99"]),
                bench.job("a-5", type: "mail:welcome", priority: 3, tags: ["vip"]),
            ]
            try await bench.accept(jobs)
            for (query, expected) in [
                (JobQuery(type: "mail:welcome"), ["a-5", "a-1", "b-4"]),
                (JobQuery(type: "mail:*"), ["a-5", "a-1", "b-2", "b-4"]), (JobQuery(type: "mail"), ["a-3"]),
                (JobQuery(type: "*"), ["a-5", "a-1", "b-2", "a-3", "b-4"]), (JobQuery(type: "ma"), []),
                (JobQuery(tags: ["tenant:9"]), ["b-2", "a-3"]), (JobQuery(tags: ["tenant:9", "vip"]), ["a-3"]),
                (JobQuery(tags: ["tenant"]), []), (JobQuery(idPrefix: "a-"), ["a-5", "a-1", "a-3"]),
                (JobQuery(idPrefix: "b-4"), ["b-4"]), (JobQuery(type: "mail:welcome", tags: ["vip"]), ["a-5"]),
                (JobQuery(error: "x"), []), (JobQuery(fingerprint: 1), []),
            ] as [(JobQuery, [JobID])] {
                for page in [1, 2, 100] {
                    let result = try await found(bench, .ready, query, page: page)
                    #expect(result.ids == expected && result.scanned == 5, "\(query), pages of \(page)")
                }
            }
            let later = try await bench.accept(bench.job(type: "mail:later", schedule: .after(.hours(1))))
            #expect(try await found(bench, .scheduled, JobQuery(type: "mail:later")).ids == [later])
        }
    }

    @Test("jobs are found by their error, its type and its fingerprint", arguments: EngineUnderTest.all)
    func errors(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            let errors: [(error: String?, fingerprint: UInt64?)] = [
                ("Disk full on 7", 0x0102_0304_0506_0708), ("disk FULL on 8", 0x0102_0304_0506_0708),
                ("no route", 0xFFFF_0000_FFFF_000A), (nil, nil),
            ]
            let ids = try await bench.accept(errors.map { _ in bench.job() })
            for (job, (error, fingerprint)) in zip(try await bench.claim().jobs, errors) {
                try await bench.settle(job, .bury(.permanent), error: error, fingerprint: fingerprint)
                try await bench.pass(.milliseconds(2))
            }
            for (query, expected) in [
                (JobQuery(error: "disk full"), [0, 1]), (JobQuery(error: "DISK"), [0, 1]),
                (JobQuery(error: "route"), [2]), (JobQuery(error: "testerror"), [0, 1, 2]),
                (JobQuery(error: "permanent"), [0, 1, 2, 3]), (JobQuery(error: "elsewhere"), []),
                (JobQuery(fingerprint: 0x0102_0304_0506_0708), [0, 1]),
                (JobQuery(error: "8", fingerprint: 0x0102_0304_0506_0708), [1]),
                (JobQuery(fingerprint: 0xFFFF_0000_FFFF_000A), [2]), (JobQuery(fingerprint: 0), []),
            ] as [(JobQuery, [Int])] {
                #expect(try await found(bench, .dead, query).ids == expected.map { ids[$0] }, "\(query)")
            }
        }
    }

    @Test("jobs are found by when what happened last to them did", arguments: EngineUnderTest.all)
    func moments(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            let verdicts: [Verdict] = [
                .complete, .bury(.permanent), .cancel(reason: ""), .retry(after: .hours(1)), .release,
            ]
            let states: [JobState] = [.completed, .dead, .cancelled, .retrying, .ready]
            let retentions: [Retention] = [.standard, .duration(.hours(3))]
            var moments: [JobState: [Timestamp]] = [:]
            for retention in retentions {
                for (verdict, state) in zip(verdicts, states) {
                    let job = try await bench.acceptAndClaim(bench.job(priority: 5, retention: retention))
                    try await bench.pass(.milliseconds(20))
                    try await bench.settle(job, verdict)
                    moments[state, default: []].append(JobQuery.moment(of: try await bench.record(job.message.id)))
                    if state == .ready { _ = try await bench.claim() }
                    try await bench.pass(.milliseconds(20))
                }
            }
            moments[.ready] = nil
            for (state, both) in moments {
                let (first, second) = (both[0], both[1])
                #expect(first < second)
                for newestFirst in state.isNewestFirst ? [false, true] : [false] {
                    func count(_ query: JobQuery) async throws -> Int {
                        try await found(bench, state, query, page: 1, newestFirst: newestFirst).ids.count
                    }
                    #expect(try await count(JobQuery(since: first)) == 2, "\(state)")
                    #expect(try await count(JobQuery(since: first + .milliseconds(1))) == 1, "\(state)")
                    #expect(try await count(JobQuery(since: second + .milliseconds(1))) == 0, "\(state)")
                    #expect(try await count(JobQuery(until: second)) == 2, "\(state)")
                    #expect(try await count(JobQuery(until: second + .milliseconds(-1))) == 1, "\(state)")
                    #expect(try await count(JobQuery(since: first, until: first)) == 1, "\(state)")
                    #expect(try await count(JobQuery(until: first + .milliseconds(-1))) == 0, "\(state)")
                }
            }
            let id = try await bench.accept(bench.job(schedule: .after(.hours(1))))
            let enqueued = try await bench.record(id).message.enqueuedAt
            #expect(try await found(bench, .scheduled, JobQuery(since: enqueued, until: enqueued)).ids == [id])
        }
    }

    @Test("of those that have ended the newest come first where that is asked", arguments: EngineUnderTest.all)
    func newestFirst(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            for (verdict, state) in [
                (.complete, .completed), (.bury(.permanent), .dead), (.cancel(reason: ""), .cancelled),
            ] as [(Verdict, JobState)] {
                let ids = try await bench.accept((0..<9).map { bench.job(type: $0 % 2 == 0 ? "even" : "odd") })
                for job in try await bench.claim().jobs {
                    try await bench.settle(job, verdict)
                    try await bench.pass(.milliseconds(3))
                }
                let even = ids.indices.filter { $0 % 2 == 0 }.map { ids[$0] }
                for page in [1, 2, 100] {
                    let all = try await found(bench, state, JobQuery(), page: page, newestFirst: true)
                    #expect(all.ids == ids.reversed(), "\(state)")
                    let some = try await found(bench, state, JobQuery(type: "even"), page: page, newestFirst: true)
                    #expect(some.ids == even.reversed(), "\(state)")
                }
            }
        }
    }

    @Test("a step looks at 250 jobs at most, and says how many", arguments: EngineUnderTest.direct)
    func budget(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            for _ in 0..<3 { try await bench.accept((0..<100).map { _ in bench.job() }) }
            let last = try await bench.accept(bench.job(type: "rare"))
            let result = try await found(bench, .ready, JobQuery(type: "rare"))
            #expect(result.ids == [last] && result.scanned == 301)
        }
    }

    @Test("a search for jobs to act on changes nothing of their order", arguments: EngineUnderTest.direct)
    func forAction(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            let plain = try await bench.accept((0..<90).map { bench.job(type: $0 % 3 == 0 ? "a" : "b") })
            let urgent = try await bench.accept(bench.job(type: "a", priority: 4))
            let returned = try #require(try await bench.claim(2).jobs.last)
            try await bench.settle(returned, .release)
            #expect(returned.message.id == plain[0])
            let before = try await found(bench, .ready, JobQuery(type: "a"))
            let after = try await found(bench, .ready, JobQuery(type: "a"), page: 7, isForAction: true)
            #expect(after.ids == before.ids && after.scanned == before.scanned)
            let late = try await bench.accept((0..<5).map { _ in bench.job() })
            #expect(try await bench.ids(.ready) == plain + late)
            #expect(try await bench.counts()[.ready] == 95)
            #expect(try await bench.claim().jobs.map(\.message.id) == plain + late)
            #expect(try await bench.state(urgent) == .active)
        }
    }

    @Test(
        "an action on several jobs is done to those in the state, and to each by itself",
        arguments: EngineUnderTest.direct
    )
    func each(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            let ids = try await bench.accept((0..<4).map { _ in bench.job() })
            let running = try await bench.claimOne()
            let searcher = searcher(bench)
            for _ in 0..<2 {
                let outcomes = try await searcher.perform(
                    .cancel(reason: "why"), on: ids + ["none"], in: bench.queue, if: .ready, by: "ada")
                #expect(
                    outcomes == [.invalidState(.active)] + [.done(.cancelled), .done(.cancelled), .done(.cancelled)]
                        + [.notFound])
            }
            #expect(try await bench.record(ids[1]).run.history.last?.by == "ada")
            #expect(!(try await bench.record(running.message.id)).cancelRequested)
            let removed = try await searcher.perform(
                .remove, on: [ids[3], ids[0]], in: bench.queue, if: .cancelled, by: nil)
            #expect(removed == [.done(nil), .invalidState(.active)])
            #expect(
                try await bench.ids(.cancelled).sorted { "\($0)" < "\($1)" } == ids[1...2].sorted { "\($0)" < "\($1)" })
        }
    }

    @Test("jobs are counted by type, a step at a time", arguments: EngineUnderTest.direct)
    func types(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            try await bench.accept((0..<7).map { bench.job(type: $0 % 3 == 0 ? "a:b" : "c", priority: $0 % 2) })
            var request = SearchRequest(queue: bench.queue, state: .ready, query: JobQuery(), limit: 3)
            var counts: [String: Int] = [:]
            var steps: [Int] = []
            repeat {
                let page = try await searcher(bench).types(request)
                counts.merge(page.counts, uniquingKeysWith: +)
                steps.append(page.scanned)
                request.cursor = page.cursor
            } while request.cursor != nil
            #expect(counts == ["a:b": 3, "c": 4] && steps == [3, 3, 1])
        }
    }

    @Test("a cursor that is none is refused", arguments: EngineUnderTest.all)
    func cursor(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            _ = try await bench.accept()
            for cursor in ["nonsense", "l:1:x", "l:0::99:a", "z:x:y"] {
                let request = SearchRequest(queue: bench.queue, state: .ready, query: JobQuery(), cursor: cursor)
                await #expect(throws: SpanQueueError.self) { try await searcher(bench).search(request) }
            }
        }
    }
}
