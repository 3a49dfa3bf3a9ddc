// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Logging
import SpanQueue
import SpanQueueAdmin
import Synchronization
import Testing

@testable import SpanQueueWeb

@Suite("The hub of what is live", .timeLimit(.minutes(2)))
struct LiveHubTests {
    /// A hub that runs, on figures that the test gives.
    private struct Bench: Sendable {
        let hub: LiveHub
        let script: Script

        static func run(_ limits: LiveLimits = .fast, _ body: (Bench) async throws -> Void) async throws {
            let script = Script()
            let hub = LiveHub(
                script.source, limits: limits, logger: Logger(label: "hub") { _ in SwiftLogNoOpLogHandler() }, boot: "b"
            )
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { await hub.run() }
                defer { group.cancelAll() }
                try await body(Bench(hub: hub, script: script))
            }
        }

        func join(_ filter: LiveFilter = LiveFilter(), after id: String? = nil, as name: String = "ada") throws
            -> LiveViewer
        {
            try hub.join(filter, after: id, as: name)
        }

        /// The frames that come, until there is one of the topic.
        @discardableResult
        func read(_ viewer: LiveViewer, until topic: LiveTopic) async throws -> [LiveFrame] {
            var frames: [LiveFrame] = []
            while let items = await viewer.next() {
                for case .frame(let frame) in items { frames.append(frame) }
                if frames.contains(where: { $0.topic == topic }) { return frames }
            }
            throw CancellationError()
        }
    }

    private final class Script: Sendable {
        struct State {
            var asked: [String: Int] = [:]
            var error: SpanQueueError?
            var watchers: [AsyncStream<EngineNews>.Continuation] = []
        }

        let state = Mutex(State())

        func count(_ what: String) throws {
            try state.withLock { state in
                state.asked[what, default: 0] += 1
                if let error = state.error { throw error }
            }
        }

        func asked(_ what: String) -> Int { state.withLock { $0.asked[what] ?? 0 } }
        func fail(_ error: SpanQueueError?) { state.withLock { $0.error = error } }

        /// Tells all who watch.
        func tell(_ news: EngineNews) { for watcher in state.withLock({ $0.watchers }) { watcher.yield(news) } }

        func tell(_ count: Int) {
            let jobs = (0..<count).map { QueueEvent.Change(kind: .completed, id: JobID(unchecked: "\($0)"), type: "t") }
            tell(.event(QueueEvent(queue: "q", at: Timestamp(milliseconds: 1), all: jobs)))
        }

        var source: LiveSource {
            LiveSource(
                counts: { [self] in
                    try count("counts")
                    return ([], WorkersByQueue([[String]]()))
                },
                depths: { [self] in
                    try count("depths")
                    return [DepthView(name: "q", ready: [1])]
                },
                workers: { [self] in
                    try count("workers")
                    return []
                },
                news: { [self] in
                    try? count("news")
                    let (stream, continuation) = AsyncStream.makeStream(of: EngineNews.self)
                    state.withLock { $0.watchers.append(continuation) }
                    return stream
                }, sleep: { try await Task.sleep(for: $0) })
        }
    }

    @Test("nothing is asked while nobody watches, nor some time after the last has gone")
    func unwatched() async throws {
        try await Bench.run { bench in
            try await Task.sleep(for: .milliseconds(100))
            #expect(["counts", "depths", "workers", "news"].allSatisfy { bench.script.asked($0) == 0 })
            let viewer = try bench.join()
            try await bench.read(viewer, until: .stats)
            try await bench.read(viewer, until: .workers)
            bench.hub.leave(viewer)
            try await eventually("it stops") {
                let before = bench.script.asked("counts")
                try await Task.sleep(for: .milliseconds(300))
                return bench.script.asked("counts") == before
            }
            // And begins again.
            let another = try bench.join()
            try await bench.read(another, until: .stats)
        }
    }

    @Test("twenty viewers cost what one does")
    func shared() async throws {
        var limits = LiveLimits.fast
        limits.stats = .milliseconds(50)
        try await Bench.run(limits) { bench in
            let viewers = try (0..<20).map { _ in try bench.join() }
            try await withThrowingTaskGroup(of: Int.self) { group in
                for viewer in viewers {
                    group.addTask {
                        var count = 0
                        while count < 10 {
                            count += try await bench.read(viewer, until: .stats).count { $0.topic == .stats }
                        }
                        return count
                    }
                }
                for try await count in group { #expect(count >= 10) }
            }
            #expect(bench.script.asked("news") == 1)
            // Ten periods and what a busy machine may add: far from twenty times ten.
            #expect(bench.script.asked("counts") < 100)
        }
    }

    @Test("what happens between two ticks is one frame, with everything counted")
    func feed() async throws {
        try await Bench.run { bench in
            let viewer = try bench.join(LiveFilter(topics: [.jobs]))
            try await eventually("it listens") { bench.script.asked("news") == 1 }
            for _ in 0..<50 { bench.script.tell(10) }
            var total = 0
            while total < 500 {
                for frame in try await bench.read(viewer, until: .jobs) {
                    if case .jobs(let feed) = frame.content { total += feed.total }
                }
            }
            #expect(total == 500)
        }
    }

    @Test(
        "who comes back with the last id gets what was missed, and nothing twice; else everything is to be asked for again"
    )
    func resumed() async throws {
        try await Bench.run { bench in
            let stays = try bench.join()
            let first = try bench.join(LiveFilter(topics: [.jobs]))
            try await eventually("it listens") { bench.script.asked("news") == 1 }
            bench.script.tell(1)
            let last = try #require(try await bench.read(first, until: .jobs).last)
            bench.hub.leave(first)
            for _ in 0..<3 {
                bench.script.tell(2)
                try await bench.read(stays, until: .jobs)
            }
            let second = try bench.join(LiveFilter(topics: [.jobs]), after: bench.hub.id(of: last))
            let frames = try await bench.read(second, until: .jobs)
            #expect(frames.map(\.topic) == [.hello, .jobs])
            guard case .hello(_, _, true) = frames[0].content, case .jobs(let feed) = frames[1].content else {
                return #expect(Bool(false))
            }
            #expect(feed.total == 6)
            for id in ["other-1", "b-", "b-99999", "b", "", "b-1-2"] {
                let viewer = try bench.join(LiveFilter(topics: [.jobs]), after: id)
                #expect(try await bench.read(viewer, until: .reset).map(\.topic) == [.hello, .reset], "\(id)")
                bench.hub.leave(viewer)
            }
            // One who was never here has nothing to ask for again.
            let fresh = try bench.join(LiveFilter(topics: [.stats]))
            #expect(try await !bench.read(fresh, until: .stats).contains { $0.topic == .reset })
        }
    }

    @Test("so many and no more; those who have gone make room")
    func limits() async throws {
        var limits = LiveLimits.fast
        limits.viewers = 3
        limits.viewersOfOne = 2
        try await Bench.run(limits) { bench in
            let first = try bench.join(as: "ada")
            _ = try bench.join(as: "ada")
            for name in ["ada"] {
                let error = #expect(throws: SpanQueueError.self) { try bench.join(as: name) }
                #expect(error?.code == .overloaded)
            }
            _ = try bench.join(as: "bob")
            #expect(throws: SpanQueueError.self) { try bench.join(as: "cy") }
            bench.hub.leave(first)
            bench.hub.leave(first)
            #expect(bench.hub.count == 2)
            _ = try bench.join(as: "cy")
        }
    }

    @Test("an engine that does not answer is told of once, and once that it is back; meanwhile the stream goes on")
    func outage() async throws {
        try await Bench.run { bench in
            let viewer = try bench.join()
            try await bench.read(viewer, until: .stats)
            bench.script.fail(SpanQueueError(.unavailable, "away"))
            let told = try await bench.read(viewer, until: .notice)
            guard case .notice("engine_unavailable", "away") = told.last?.content else { return #expect(Bool(false)) }
            // Who comes meanwhile hears of it, too.
            let late = try bench.join()
            try await bench.read(late, until: .notice)
            let before = bench.script.asked("counts")
            try await eventually("it goes on asking") { bench.script.asked("counts") > before + 3 }
            bench.script.fail(nil)
            let notices = try await bench.read(viewer, until: .stats).filter { $0.topic == .notice }
            #expect(notices.count == 1)
            guard case .notice("engine_back", _) = notices.first?.content else { return #expect(Bool(false)) }
        }
    }

    @Test("who may not watch any more hears no more, and the others do; it is looked now and then and not always")
    func access() async throws {
        var limits = LiveLimits.fast
        limits.access = .milliseconds(200)
        try await Bench.run(limits) { bench in
            let may = Mutex(true)
            let asked = Mutex(0)
            let start = ContinuousClock.now
            let viewer = try bench.hub.join(LiveFilter(topics: [.jobs]), as: "ada") {
                asked.withLock { $0 += 1 }
                return may.withLock { $0 }
            }
            let other = try bench.join()
            try await eventually("it listens") { bench.script.asked("news") == 1 }
            try await eventually("it is looked") { asked.withLock { $0 } >= 3 }
            #expect(.now - start > .milliseconds(350))
            may.withLock { $0 = false }
            while await viewer.next() != nil {}
            try await bench.read(other, until: .stats)
        }
    }

    @Test("a silent stream gets a comment; one whose time is up ends; so do all with the server")
    func ends() async throws {
        var limits = LiveLimits.fast
        limits.silence = .milliseconds(100)
        limits.stream = .seconds(2)
        try await Bench.run(limits) { bench in
            let viewer = try bench.join(LiveFilter(topics: [.jobs]))
            var comments = 0
            while let items = await viewer.next() {
                for case .comment in items { comments += 1 }
            }
            #expect(comments > 0)
            bench.hub.leave(viewer)
            let another = try bench.join()
            bench.hub.stop()
            try await bench.read(another, until: .notice)
            while await another.next() != nil {}
            #expect(throws: SpanQueueError.self) { try bench.join() }
        }
    }
}

extension LiveLimits {
    /// For tests: as often as it makes sense.
    static var fast: LiveLimits {
        var limits = LiveLimits()
        limits.stats = .milliseconds(20)
        limits.depth = .milliseconds(20)
        limits.workers = .milliseconds(20)
        limits.feed = .milliseconds(20)
        limits.access = .milliseconds(50)
        limits.linger = .milliseconds(300)
        return limits
    }
}
