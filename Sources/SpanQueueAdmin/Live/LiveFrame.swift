// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

package import SpanQueue
import Synchronization

/// What a viewer can ask for, and what is sent to each.
package enum LiveTopic: String, Sendable, Hashable, CaseIterable {
    case stats, depth, workers, jobs
    /// Sent to all.
    case hello, notice, reset

    /// Those that can be asked for.
    package static let asked: [LiveTopic] = [.stats, .depth, .workers, .jobs]
}

/// What a viewer wants.
package struct LiveFilter: Sendable, Hashable {
    /// The most queues that one can choose.
    package static let mostQueues = 100

    package var topics: Set<LiveTopic>
    package var queues: LiveQueues

    package init(topics: Set<LiveTopic> = Set(LiveTopic.asked), queues: LiveQueues = LiveQueues()) {
        self.topics = topics
        self.queues = queues
    }

    /// What somebody asks for in words.
    ///
    /// - Parameters:
    ///   - topics: nil for all.
    ///   - names: of queues; nil for all.
    ///   - visible: those that they may see.
    /// - Throws: `.invalidArgument`.
    package init(topics words: [String]?, queues names: [String]?, visible: QueuePatterns) throws(SpanQueueError) {
        self.init(queues: LiveQueues(visible: visible))
        if let words {
            topics = []
            for word in words {
                guard let topic = LiveTopic(rawValue: word), LiveTopic.asked.contains(topic) else {
                    let known = LiveTopic.asked.map(\.rawValue).joined(separator: ", ")
                    throw SpanQueueError(.invalidArgument, "topics: use some of \(known)")
                }
                topics.insert(topic)
            }
        }
        if let names {
            guard names.count <= Self.mostQueues else {
                throw SpanQueueError(.invalidArgument, "queues: at most \(Self.mostQueues)")
            }
            for name in names { try NameRule.queue.check(name) }
            queues.names = Set(names)
        }
    }

    package func wants(_ topic: LiveTopic) -> Bool { topics.contains(topic) || !LiveTopic.asked.contains(topic) }
}

/// The queues that a viewer wants to see, of those that it may.
package struct LiveQueues: Sendable, Hashable {
    /// Nil for all.
    package var names: Set<String>?
    package var visible: QueuePatterns

    package init(names: Set<String>? = nil, visible: QueuePatterns = .all) {
        self.names = names
        self.visible = visible
    }

    package func contain(_ name: String) -> Bool { names?.contains(name) ?? true && visible.allow(name) }

    /// What is to be seen of a worker; nil where it serves none of them.
    package func part(of worker: WorkerInfo) -> WorkerInfo? {
        var part = worker
        part.queues = worker.queues.filter(visible.allow)
        return worker.queues.contains(where: contain) ? part : nil
    }
}

/// One frame: what it says, and its place in the order of all. The text is made once for all viewers who want the same queues.
package final class LiveFrame: Sendable {
    package enum Content: Sendable {
        /// With the workers as they were last seen, for those who may not see all queues.
        case stats([QueueCounts], WorkersByQueue, [WorkerInfo])
        case depth([DepthView])
        case workers([WorkerInfo])
        case jobs(Feed)
        case hello(boot: String, topics: [String], isResumed: Bool)
        case notice(code: String, message: String)
        case reset(reason: String)
    }

    package let number: UInt64
    package let at: Timestamp
    package let content: Content
    private let texts = Mutex<[LiveQueues: String]>([:])

    package init(_ number: UInt64, at: Timestamp, _ content: Content) {
        self.number = number
        self.at = at
        self.content = content
    }

    package var topic: LiveTopic {
        switch content {
        case .stats: .stats
        case .depth: .depth
        case .workers: .workers
        case .jobs: .jobs
        case .hello: .hello
        case .notice: .notice
        case .reset: .reset
        }
    }

    /// This frame behind one that was not sent yet: counts add up, of everything else the later one counts.
    package func after(_ earlier: LiveFrame) -> LiveFrame {
        guard case .jobs(var feed) = earlier.content, case .jobs(let more) = content else { return self }
        feed.add(more)
        return LiveFrame(number, at: at, .jobs(feed))
    }

    /// Whether it says nothing to those who want these queues.
    package func isEmpty(for queues: LiveQueues) -> Bool {
        if case .jobs(let feed) = content { feed.of(queues.contain).isEmpty } else { false }
    }

    /// As JSON of one line.
    ///
    /// - Parameter mask: hides what is to be hidden of it; the same for each call.
    package func text(for queues: LiveQueues, mask: (String) -> String = { $0 }) -> String {
        texts.withLock { texts in
            if let text = texts[queues] { return text }
            // Values that encode themselves, of numbers and texts.
            let text = mask((try? AdminJSON.line(document(for: queues))) ?? "{}")
            texts[queues] = text
            return text
        }
    }

    /// How many queues are shown with names; the others are in the sums.
    private static let mostQueues = 240

    private func document(for queues: LiveQueues) -> LiveDocument {
        var document = LiveDocument(at: at.description)
        switch content {
        case .stats(let counts, let all, let workers):
            let wanted = counts.filter { queues.contain($0.queue) }
            let serving =
                queues.visible.isAll ? all : WorkersByQueue(workers.compactMap(queues.part).map(\.queues))
            document.stats = StatsView(
                Array(wanted.prefix(Self.mostQueues)), rest: Array(wanted.dropFirst(Self.mostQueues)), workers: serving)
        case .depth(let depths): document.queues = depths.filter { queues.contain($0.name) }
        case .workers(let workers): document.workers = workers.compactMap(queues.part).map(WorkerView.init)
        case .jobs(let feed):
            let view = feed.of(queues.contain).view
            (document.jobs, document.counts, document.omitted) = (view.jobs, view.counts, view.omitted)
        case .hello(let boot, let topics, let isResumed):
            (document.boot, document.topics, document.resumed) = (boot, topics, isResumed)
            document.version = SpanQueueVersion.text
        case .notice(let code, let message): (document.code, document.message) = (code, message)
        case .reset(let reason): document.message = reason
        }
        return document
    }
}

/// The data of a frame: each topic has its members.
private struct LiveDocument: Encodable {
    let at: String
    var stats: StatsView?
    var queues: [DepthView]?
    var workers: [WorkerView]?
    var jobs: [JobEventView]?
    var counts: [EventCountsView]?
    var omitted: Int?
    var boot: String?
    var topics: [String]?
    var resumed: Bool?
    var version: String?
    var code: String?
    var message: String?
}

/// The frames of the last while, for those who come back.
package struct LiveRing: Sendable {
    private let limit: Int
    private let memory: Duration
    private var frames: [(frame: LiveFrame, at: ContinuousClock.Instant)] = []
    package private(set) var lastNumber: UInt64 = 0
    /// What came up to this number is not here any more, or was never known.
    private var lost: UInt64 = 0

    package init(limit: Int = 2000, memory: Duration = .seconds(60)) {
        self.limit = limit
        self.memory = memory
    }

    package var count: Int { frames.count }

    /// The number for the next frame.
    package mutating func next() -> UInt64 {
        lastNumber += 1
        return lastNumber
    }

    package mutating func append(_ frame: LiveFrame, at now: ContinuousClock.Instant) {
        frames.append((frame, now))
        let old = frames.prefix { now - $0.at > memory }.count
        drop(max(old, frames.count - limit))
    }

    /// Nobody has looked for a while: what happened meanwhile is not known.
    package mutating func forget() {
        drop(frames.count)
        lost = next()
    }

    /// The frames behind a number; nil where some of them are not known any more.
    package func frames(after number: UInt64) -> [LiveFrame]? {
        guard number >= lost, number <= lastNumber else { return nil }
        return frames.map(\.frame).filter { $0.number > number }
    }

    /// The last of each topic that says how things stand.
    package var latest: [LiveFrame] {
        [LiveTopic.stats, .depth, .workers].compactMap { topic in frames.last { $0.frame.topic == topic }?.frame }
    }

    private mutating func drop(_ count: Int) {
        guard count > 0 else { return }
        lost = frames[count - 1].frame.number
        frames.removeFirst(count)
    }
}
