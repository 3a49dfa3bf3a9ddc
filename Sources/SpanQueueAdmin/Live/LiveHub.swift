// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
package import Logging
package import SpanQueue
import Synchronization

/// What the hub shows, asked once for all who watch.
package struct LiveSource: Sendable {
    package var counts: @Sendable () async throws -> ([QueueCounts], WorkersByQueue)
    /// Nil where the engine does not count so.
    package var depths: @Sendable () async throws -> [DepthView]?
    package var workers: @Sendable () async throws -> [WorkerInfo]
    package var news: @Sendable () async throws -> AsyncStream<EngineNews>
    package var sleep: @Sendable (Duration) async throws -> Void

    package init(
        counts: @escaping @Sendable () async throws -> ([QueueCounts], WorkersByQueue),
        depths: @escaping @Sendable () async throws -> [DepthView]?,
        workers: @escaping @Sendable () async throws -> [WorkerInfo],
        news: @escaping @Sendable () async throws -> AsyncStream<EngineNews>,
        sleep: @escaping @Sendable (Duration) async throws -> Void
    ) {
        self.counts = counts
        self.depths = depths
        self.workers = workers
        self.news = news
        self.sleep = sleep
    }
}

/// How often the hub looks, and how much it does for whom.
package struct LiveLimits: Sendable {
    package var stats = Duration.seconds(1)
    package var depth = Duration.seconds(3)
    package var workers = Duration.seconds(5)
    package var feed = Duration.milliseconds(250)
    /// A comment is sent where nothing else was for so long.
    package var silence = Duration.seconds(15)
    /// How often it is looked whether those who watch still may.
    package var access = Duration.seconds(2)
    /// Then whoever watches comes again, and is looked at again.
    package var stream = Duration.seconds(900)
    /// For how long it goes on without a viewer, so that one who comes back misses nothing.
    package var linger = Duration.seconds(10)
    package var viewers = 64
    /// How long one that may not watch any more has to read what it was sent last.
    package var patience = Duration.seconds(10)
    /// Of one principal; nil where nobody says who they are.
    package var viewersOfOne: Int?
    /// For users who say who they are.
    package static let viewersOfOneUser = 16
    package var ring = LiveRing()

    package init() {}
}

/// Shows all viewers the same: what happens is asked for once, and only while somebody watches.
package final class LiveHub: Sendable {
    private struct State {
        var ring: LiveRing
        var viewers: [ObjectIdentifier: LiveViewer] = [:]
        var feed = Feed()
        var workers: [WorkerInfo] = []
        var lastWatched: ContinuousClock.Instant?
        var lastCheck = ContinuousClock.now
        /// Why the engine does not answer, if it doesn't.
        var outage: String?
        var isStopping = false
    }

    /// Tells the ids of one run of the server from those of another.
    package let boot: String
    private let source: LiveSource
    package let limits: LiveLimits
    private let mask: @Sendable (String) -> String
    private let logger: Logger
    private let state: Mutex<State>
    private let (arrivals, arrived) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))

    /// - Parameter mask: hides what is to be hidden of the texts of frames.
    package init(
        _ source: LiveSource, limits: LiveLimits = LiveLimits(), mask: @escaping @Sendable (String) -> String = { $0 },
        logger: Logger, boot: String = String(UInt32.random(in: .min ... .max), radix: 16)
    ) {
        self.source = source
        self.limits = limits
        self.mask = mask
        self.logger = logger
        self.boot = boot
        state = Mutex(State(ring: limits.ring))
    }

    /// How many watch.
    package var count: Int { state.withLock { $0.viewers.count } }

    // MARK: Viewers

    /// Takes in a viewer, which must ``leave(_:)``.
    ///
    /// - Parameters:
    ///   - lastID: of the last frame that it has seen on an earlier stream.
    ///   - isAdmitted: whether it may go on; asked every now and then.
    package func join(
        _ filter: LiveFilter, after lastID: String? = nil, as principal: String,
        while isAdmitted: @escaping @Sendable () -> Bool = { true }
    ) throws(SpanQueueError) -> LiveViewer {
        let now = ContinuousClock.now
        let viewer = LiveViewer(
            filter, principal: principal, until: now + limits.stream, now: now, isAdmitted: isAdmitted)
        try state.withLock { (state) throws(SpanQueueError) in
            if state.isStopping { throw SpanQueueError(.closed, "the server stops") }
            let own = state.viewers.values.filter { $0.principal == principal }.count
            guard state.viewers.count < limits.viewers, own < limits.viewersOfOne ?? .max else {
                throw SpanQueueError(
                    .overloaded, "too many watch already: close other pages, or come back later")
            }
            begin(viewer, after: lastID, &state)
            state.viewers[ObjectIdentifier(viewer)] = viewer
        }
        arrived.yield()
        return viewer
    }

    /// What a viewer gets first: what it has missed, or how things stand.
    private func begin(_ viewer: LiveViewer, after lastID: String?, _ state: inout State) {
        let lastSeen = lastID.flatMap { number(of: $0) }
        let missed = lastSeen.flatMap { state.ring.frames(after: $0) }
        let topics = LiveTopic.asked.filter { viewer.filter.topics.contains($0) }.map(\.rawValue)
        // Whoever comes back with this number has missed what comes from now on.
        let start = missed == nil ? state.ring.lastNumber : lastSeen ?? 0
        func tell(_ content: LiveFrame.Content) { viewer.offer(LiveFrame(start, at: .here, content)) }
        tell(.hello(boot: boot, topics: topics, isResumed: missed != nil))
        if lastID != nil, missed == nil {
            tell(.reset(reason: "what happened since is not known any more: ask for everything again"))
        }
        if let outage = state.outage { tell(.notice(code: "engine_unavailable", message: outage)) }
        for frame in missed ?? state.ring.latest.map({ LiveFrame(start, at: $0.at, $0.content) }) {
            viewer.offer(frame)
        }
    }

    package func leave(_ viewer: LiveViewer) {
        viewer.finish()
        state.withLock { state in
            if state.viewers.removeValue(forKey: ObjectIdentifier(viewer)) != nil { state.lastWatched = .now }
        }
    }

    package func id(of frame: LiveFrame) -> String { "\(boot)-\(frame.number)" }
    package func text(of frame: LiveFrame, for viewer: LiveViewer) -> String {
        frame.text(for: viewer.filter.queues, mask: mask)
    }

    /// A frame with its id and topic, as JSON of one line.
    package func message(of frame: LiveFrame, for viewer: LiveViewer) -> String {
        "{\"id\":\"\(id(of: frame))\",\"event\":\"\(frame.topic.rawValue)\",\"data\":\(text(of: frame, for: viewer))}"
    }

    private func number(of id: String) -> UInt64? {
        let parts = id.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 2, parts[0] == boot else { return nil }
        return UInt64(parts[1])
    }

    // MARK: Running

    /// Works until the task is cancelled: nothing, while nobody watches.
    package func run() async {
        for await _ in arrivals {
            guard count > 0 else { continue }
            await watch()
            state.withLock { $0.ring.forget() }
        }
    }

    /// Ends all streams, and takes in no more.
    package func stop() {
        tell(.notice(code: "stopping", message: "the server stops"))
        let viewers = state.withLock { state in
            state.isStopping = true
            return Array(state.viewers.values)
        }
        for viewer in viewers { viewer.finish() }
    }

    private func watch() async {
        // First, for what others say of them.
        await readWorkers()
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.every(self.limits.stats) { await self.readCounts() } }
            group.addTask { await self.every(self.limits.depth) { await self.readDepths() } }
            group.addTask { await self.every(self.limits.workers) { await self.readWorkers() } }
            group.addTask {
                if let stream = try? await self.source.news() { for await news in stream { self.hear(news) } }
                // The engine has shut down: the rest goes on, and says so.
                await self.every(.seconds(3600)) {}
            }
            group.addTask { await self.every(self.limits.feed, while: self.isWatched) { self.tick() } }
            // Only the last ends by itself.
            await group.next()
            group.cancelAll()
        }
    }

    private func every(
        _ period: Duration, while isWanted: @Sendable () -> Bool = { true }, _ work: @Sendable () async -> Void
    ) async {
        while !Task.isCancelled, isWanted() {
            let next = ContinuousClock.now + period
            await work()
            do { try await source.sleep(max(.zero, next - .now)) } catch { return }
        }
    }

    /// Whether somebody watches, or did until just now.
    private func isWatched() -> Bool {
        state.withLock { state in
            !state.viewers.isEmpty || state.lastWatched.map { .now - $0 < limits.linger } ?? false
        }
    }

    // MARK: Frames

    private func tell(_ content: LiveFrame.Content) {
        let (frame, viewers) = state.withLock { state in
            let frame = LiveFrame(state.ring.next(), at: .here, content)
            state.ring.append(frame, at: .now)
            return (frame, Array(state.viewers.values))
        }
        for viewer in viewers { viewer.offer(frame) }
    }

    private func readCounts() async {
        await read(source.counts) { counts, workers in .stats(counts, workers, state.withLock { $0.workers }) }
    }

    private func readDepths() async {
        await read(source.depths) { $0.map { .depth($0) } }
    }

    private func readWorkers() async {
        await read(source.workers) { workers in
            state.withLock { $0.workers = workers }
            return .workers(workers)
        }
    }

    private func read<Value: Sendable>(
        _ ask: @Sendable () async throws -> Value, tell content: (Value) -> LiveFrame.Content?
    ) async {
        do {
            let value = try await ask()
            if state.withLock({ $0.outage.take() }) != nil {
                tell(.notice(code: "engine_back", message: "the engine answers again"))
            }
            if let content = content(value) { tell(content) }
        } catch is CancellationError {
        } catch {
            let message = (error as? SpanQueueError)?.message ?? "the engine does not answer"
            let isNew = state.withLock { state in
                defer { state.outage = message }
                return state.outage == nil
            }
            guard isNew else { return }
            logger.warning("the live events have no answer of the engine", metadata: ["error": "\(message)"])
            tell(.notice(code: "engine_unavailable", message: message))
        }
    }

    private func hear(_ news: EngineNews) {
        switch news {
        case .event(let event): state.withLock { $0.feed.add(event) }
        case .missed: tell(.notice(code: "events_missed", message: "some of what happened was not heard of"))
        }
    }

    /// Sends what the feed has gathered, keeps silent connections, and ends those whose time is up or who may not watch any more.
    private func tick() {
        let now = ContinuousClock.now
        let (feed, viewers, isCheck) = state.withLock { state in
            let isCheck = now - state.lastCheck >= limits.access
            if isCheck { state.lastCheck = now }
            defer { state.feed = Feed() }
            return (state.feed, Array(state.viewers.values), isCheck)
        }
        // First, so that they do not hear what has come meanwhile.
        if isCheck { for viewer in viewers where !viewer.isAdmitted() { viewer.finish() } }
        if !feed.isEmpty { tell(.jobs(feed)) }
        for viewer in viewers {
            viewer.keepAlive(now: now, after: limits.silence)
            if viewer.end <= now { viewer.finish() }
        }
    }
}

extension LiveSource {
    /// What the queues of a process show.
    package init(_ admin: Admin, sleep: @escaping @Sendable (Duration) async throws -> Void) {
        self.init(
            counts: { try await admin.counts() }, depths: { try await admin.depths() },
            workers: { try await admin.workerInfos() }, news: { try await admin.news() }, sleep: sleep)
    }
}

extension Timestamp {
    /// By this machine's clock.
    static var here: Timestamp { Timestamp(Date.now) }
}
