// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueue
import Testing

@Suite("list")
struct ListTests {
    @Test("pages of any size add up to the whole, in order", arguments: EngineUnderTest.all)
    func pages(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            let plain = try await bench.accept((0..<7).map { _ in bench.job() })
            let urgent = try await bench.accept((0..<4).map { _ in bench.job(priority: 3) })
            for page in [1, 2, 3, 4, 5, 11, 100] {
                #expect(try await bench.ids(.ready, page: page) == urgent + plain, "pages of \(page)")
            }
        }
    }

    @Test("completed jobs are listed whatever their retention", arguments: EngineUnderTest.all)
    func completed(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            let retentions: [Retention] = [.standard, .duration(.hours(3)), .standard, .duration(.hours(2)), .standard]
            let ids = try await bench.accept(retentions.map { bench.job(retention: $0) })
            for job in try await bench.claim().jobs { try await bench.settle(job, .complete) }
            for page in [1, 2, 3, 100] {
                #expect(try await bench.ids(.completed, page: page).count == ids.count)
                #expect(Set(try await bench.ids(.completed, page: page)) == Set(ids))
            }
        }
    }

    @Test("finished jobs are listed in the order in which they ended", arguments: EngineUnderTest.all)
    func order(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            for (verdict, state) in [
                (.complete, .completed), (.bury(.permanent), .dead), (.cancel(reason: "x"), .cancelled),
            ] as [(Verdict, JobState)] {
                try await bench.accept((0..<4).map { _ in bench.job() })
                let jobs = try await bench.claim().jobs
                for job in jobs.reversed() {
                    try await bench.settle(job, verdict)
                    try await bench.pass(.milliseconds(3))
                }
                #expect(try await bench.ids(state, page: 3) == jobs.reversed().map(\.message.id))
            }
        }
    }

    @Test(
        "dead and cancelled jobs are listed with the newest first where that is asked", arguments: EngineUnderTest.all)
    func newestFirst(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            for (verdict, state) in [(.bury(.permanent), .dead), (.cancel(reason: "x"), .cancelled)]
                as [(Verdict, JobState)]
            {
                try await bench.accept((0..<5).map { _ in bench.job() })
                let jobs = try await bench.claim().jobs
                for job in jobs {
                    try await bench.settle(job, verdict)
                    try await bench.pass(.milliseconds(3))
                }
                let newest = Array(jobs.map(\.message.id).reversed())
                for page in [1, 2, 5, 100] {
                    var ids: [JobID] = []
                    var request = ListRequest(
                        queue: jobs[0].message.queue, state: state, limit: page, newestFirst: true)
                    repeat {
                        let reply = try await bench.engine.list(request)
                        ids += reply.jobs.map(\.message.id)
                        request.cursor = reply.cursor
                    } while request.cursor != nil
                    #expect(ids == newest, "\(state), pages of \(page)")
                }
            }
        }
    }

    @Test("what is taken from the head between two pages hides nothing behind it", arguments: EngineUnderTest.all)
    func taken(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            for priority in [0, 5] {
                let ids = try await bench.accept((0..<10).map { _ in bench.job(priority: priority) })
                let first = try await bench.engine.list(
                    ListRequest(queue: bench.queue, state: .ready, limit: 4))
                #expect(first.jobs.map(\.message.id) == Array(ids.prefix(4)))
                let claimed = try await bench.claim(2).jobs
                let second = try await bench.engine.list(
                    ListRequest(queue: bench.queue, state: .ready, cursor: first.cursor, limit: 100))
                #expect(second.jobs.map(\.message.id).suffix(6) == ids.suffix(6))
                for job in claimed + (try await bench.claim().jobs) { try await bench.settle(job, .complete) }
            }
        }
    }

    @Test("what arrives between two pages hides nothing that was there", arguments: EngineUnderTest.all)
    func arrived(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            let ids = try await bench.accept((0..<10).map { _ in bench.job() })
            let first = try await bench.engine.list(ListRequest(queue: bench.queue, state: .ready, limit: 4))
            try await bench.accept((0..<3).map { _ in bench.job() })
            let second = try await bench.engine.list(
                ListRequest(queue: bench.queue, state: .ready, cursor: first.cursor, limit: 100))
            #expect(Set(second.jobs.map(\.message.id)).isSuperset(of: ids.suffix(6)))
        }
    }

    @Test("a listed job is told like an inspected one", arguments: EngineUnderTest.all)
    func records(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            for (state, id) in try await bench.oneInEachState() {
                #expect(try await bench.records(state) == [try await bench.record(id)])
            }
        }
    }

    @Test("an empty state has one empty page", arguments: EngineUnderTest.all)
    func empty(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            for state in JobState.known {
                let page = try await bench.engine.list(ListRequest(queue: bench.queue, state: state))
                #expect(page == ListPage(jobs: [], cursor: nil))
            }
        }
    }

    @Test("a cursor that is none is refused", arguments: EngineUnderTest.all)
    func cursor(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            _ = try await bench.accept()
            for state in [JobState.scheduled, .ready] {
                await #expect(throws: SpanQueueError.self) {
                    try await bench.engine.list(ListRequest(queue: bench.queue, state: state, cursor: "nonsense"))
                }
            }
        }
    }
}
