// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueue
import SpanQueueAdmin
import Synchronization
import Testing

@testable import SpanQueueWeb

@Suite("Frames, and those who wait for them")
struct LiveViewerTests {
    private let start = ContinuousClock.now

    private func frame(_ number: UInt64, _ content: LiveFrame.Content) -> LiveFrame {
        LiveFrame(number, at: Timestamp(milliseconds: 1_800_000_000_000 + Int64(number)), content)
    }

    private func depth(_ number: UInt64, _ ready: Int = 0) -> LiveFrame {
        frame(number, .depth([DepthView(name: "q", ready: [ready])]))
    }

    private func jobs(_ number: UInt64, _ queue: String = "q", count: Int = 1) -> LiveFrame {
        let jobs = (0..<count).map {
            QueueEvent.Change(kind: .completed, id: JobID(unchecked: "\(number)-\($0)"), type: "t")
        }
        return frame(number, .jobs(Feed(QueueEvent(queue: queue, at: Timestamp(milliseconds: 1), all: jobs))))
    }

    private func viewer(_ filter: LiveFilter = LiveFilter()) -> LiveViewer {
        LiveViewer(filter, principal: "ada", until: start + .seconds(900), now: start)
    }

    private func numbers(_ viewer: LiveViewer) -> [UInt64]? {
        viewer.take(orWake: {})?.map { if case .frame(let frame) = $0 { frame.number } else { 0 } }
    }

    // MARK: The ring

    @Test("the ring keeps so many frames for so long, and says when it does not know what was missed")
    func ring() {
        var ring = LiveRing(limit: 3, memory: .seconds(60))
        for number in 1...3 { ring.append(depth(ring.next()), at: start + .seconds(number)) }
        #expect(ring.frames(after: 0)?.map(\.number) == [1, 2, 3])
        #expect(ring.frames(after: 2)?.map(\.number) == [3])
        #expect(ring.frames(after: 3)?.isEmpty == true)
        // A number that was never given.
        #expect(ring.frames(after: 4) == nil)
        ring.append(depth(ring.next()), at: start + .seconds(4))
        #expect(ring.frames(after: 0) == nil)
        #expect(ring.frames(after: 1)?.map(\.number) == [2, 3, 4])
        // All others are older than a minute.
        ring.append(depth(ring.next()), at: start + .seconds(100))
        #expect(ring.count == 1 && ring.frames(after: 3) == nil && ring.frames(after: 4)?.map(\.number) == [5])
        ring.forget()
        #expect(ring.count == 0 && ring.frames(after: 5) == nil && ring.latest.isEmpty)
        #expect(ring.frames(after: ring.lastNumber)?.isEmpty == true)
    }

    @Test("how things stand is the last frame of each topic that says so")
    func latest() {
        var ring = LiveRing()
        for content in [depth(1, 1), jobs(2), depth(3, 3)] { ring.append(content, at: start) }
        #expect(ring.latest.map(\.number) == [3])
    }

    // MARK: Viewers

    @Test("of a topic one frame waits: the newest that says how things stand")
    func newestWins() {
        let viewer = viewer()
        for number in 1...1000 { viewer.offer(depth(UInt64(number))) }
        #expect(numbers(viewer) == [1000])
        #expect(numbers(viewer) == [])
    }

    @Test("what happened adds up: every job is counted, and the latest are named")
    func addsUp() {
        let viewer = viewer()
        for number in 1...100 { viewer.offer(jobs(UInt64(number), count: 3)) }
        viewer.offer(depth(101))
        let items = viewer.take(orWake: {}) ?? []
        guard items.count == 2, case .frame(let frame) = items[0], case .jobs(let feed) = frame.content else {
            return #expect(Bool(false))
        }
        #expect(frame.number == 100)
        #expect(feed.view.counts == Feed.sum("q", ["completed": 300]))
        #expect(feed.view.jobs.count == 20 && feed.view.omitted == 280)
        #expect(feed.view.jobs.last?.id == "100-2")
    }

    @Test("a viewer gets the topics and queues that it asked for, and notices")
    func filtered() {
        let viewer = viewer(LiveFilter(topics: [.jobs], queues: LiveQueues(names: ["b"])))
        viewer.offer(depth(1))
        viewer.offer(jobs(2, "a"))
        viewer.offer(frame(3, .notice(code: "c", message: "m")))
        viewer.offer(jobs(4, "b"))
        viewer.offer(jobs(5, "a"))
        #expect(numbers(viewer) == [3, 4])
    }

    @Test("notices do not gather without bound for one who never reads")
    func bounded() {
        let viewer = viewer()
        for number in 1...1000 { viewer.offer(frame(UInt64(number), .notice(code: "c", message: "m"))) }
        #expect(numbers(viewer)?.count == 32)
    }

    @Test("who waits is woken once, by a frame, a comment or the end")
    func woken() {
        let viewer = viewer()
        let count = Mutex(0)
        func wait() -> [LiveViewer.Item]? { viewer.take(orWake: { count.withLock { $0 += 1 } }) }
        #expect(wait()?.isEmpty == true)
        viewer.offer(depth(1))
        viewer.offer(depth(2))
        #expect(count.withLock { $0 } == 1)
        #expect(wait()?.count == 1)
        #expect(wait()?.isEmpty == true)
        viewer.keepAlive(now: .now + .seconds(1), after: .seconds(15))
        #expect(count.withLock { $0 } == 1)
        viewer.keepAlive(now: .now + .seconds(16), after: .seconds(15))
        #expect(count.withLock { $0 } == 2)
        guard case .comment? = wait()?.first else { return #expect(Bool(false)) }
        #expect(wait()?.isEmpty == true)
        viewer.finish()
        #expect(count.withLock { $0 } == 3)
        #expect(wait() == nil)
        // It is out of it.
        viewer.offer(depth(3))
        #expect(wait() == nil)
    }

    @Test("what is there before the end is still read")
    func lastWords() async throws {
        let viewer = viewer()
        viewer.offer(depth(7))
        viewer.finish()
        #expect(await viewer.next()?.count == 1)
        #expect(await viewer.next() == nil)
    }

    @Test("the data of a frame is JSON of one line, the same text for all who want the same")
    func texts() {
        let counts = ["a", "b"].map { name in
            QueueCounts(queue: name, jobs: [.ready: 2], isPaused: false, oldestReadyAge: nil, totals: QueueTotals())
        }
        let frame = frame(1, .stats(counts, WorkersByQueue([["a"]]), []))
        #expect(frame.text(for: LiveQueues()).contains(#""ready":4"#))
        #expect(
            frame.text(for: LiveQueues(names: ["b"])).contains(#""ready":2"#)
                && !frame.text(for: LiveQueues(names: ["b"])).contains(#""name":"a""#))
        #expect(!frame.text(for: LiveQueues()).contains("\n"))
        #expect(
            depth(1).text(for: LiveQueues())
                == #"{"at":"2027-01-15T08:00:00.001Z","queues":[{"name":"q","ready":[0]}]}"#)
        #expect(depth(1).text(for: LiveQueues(names: ["other"])).contains(#""queues":[]"#))
    }
}

extension Feed {
    static func sum(_ queue: String, _ counts: [String: Int]) -> [EventCountsView] {
        var feed = Feed()
        feed.add(
            QueueEvent(
                queue: queue, at: Timestamp(milliseconds: 0),
                counts: Dictionary(uniqueKeysWithValues: counts.map { (QueueEvent.Kind(rawValue: $0.key), $0.value) })))
        return feed.view.counts
    }
}
