// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueue
import Testing

@Suite("live events")
struct EventTests {
    @Test("what becomes of jobs is told, or found by looking", arguments: EngineUnderTest.direct)
    func news(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            try await bench.accept([bench.job("a", type: "one"), bench.job("b", type: "two")])
            let heard = Heard(bench.engine.news(of: [bench.queue]))
            // Until somebody hears it, the claim of a job and its return are told again and again.
            while await heard.count(of: .started) == 0 {
                for job in try await bench.claim(1).jobs { try await bench.settle(job, .release) }
                if let job = try await bench.claim(1).jobs.first {
                    try await heard.wait(atMost: .seconds(2)) { $0[.started] != nil }
                    try await bench.settle(job, .release)
                }
            }
            let claims = try await bench.claim(2).jobs
            try await heard.wait { $0[.started, default: 0] >= 2 }
            try await bench.settle(claims[0], .complete)
            try await bench.settle(claims[1], .bury(.manual))
            try await heard.wait { $0[.completed] == 1 && $0[.buried] == 1 }
            let buried = await heard.jobs.first { $0.kind == .buried }
            #expect(buried?.type == claims[1].message.type)
            #expect(buried?.id == claims[1].message.id)
            _ = try await bench.engine.perform(.redrive, on: claims[1].message.id, in: bench.queue)
            _ = try await bench.engine.perform(.cancel(reason: "x"), on: claims[1].message.id, in: bench.queue)
            try await heard.wait { $0[.cancelled] == 1 }
            await heard.stop()
        }
    }

    @Test("ready jobs are counted by their priority", arguments: EngineUnderTest.direct)
    func levels(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            try await bench.accept([0, 0, 3, 9, 9, 9].map { bench.job(priority: $0) })
            try await bench.settle(try await bench.claimOne(), .release)
            let source = try #require(bench.engine as? any PrioritySource)
            #expect(
                try await source.readyByPriority(of: [bench.queue, "\(bench.queue)-none"]) == [
                    [2, 0, 0, 1, 0, 0, 0, 0, 0, 3], [Int](repeating: 0, count: 10),
                ])
        }
    }
}

/// What has been told so far.
private actor Heard {
    private var counts: [QueueEvent.Kind: Int] = [:]
    private(set) var jobs: [QueueEvent.Change] = []
    private var task: Task<Void, Never>?

    init(_ news: AsyncStream<EngineNews>) {
        Task { await self.listen(to: news) }
    }

    private func listen(to news: AsyncStream<EngineNews>) {
        task = Task {
            for await case .event(let event) in news {
                jobs += event.jobs
                counts.merge(event.counts, uniquingKeysWith: +)
            }
        }
    }

    func count(of kind: QueueEvent.Kind) -> Int { counts[kind] ?? 0 }

    /// - Throws: where it did not come to be so; silently after a shorter time than the longest.
    func wait(atMost limit: Duration = .seconds(60), until isSo: ([QueueEvent.Kind: Int]) -> Bool) async throws {
        let end = ContinuousClock.now + limit
        while !isSo(counts) {
            guard .now < end else {
                if limit >= .seconds(60) { Issue.record("only \(counts) was told") }
                return
            }
            try await Task.sleep(for: .milliseconds(20))
        }
    }

    func stop() { task?.cancel() }
}
