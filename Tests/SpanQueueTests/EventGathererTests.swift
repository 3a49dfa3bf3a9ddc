// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueue
import Testing

@Suite("events that are gathered")
struct EventGathererTests {
    private let gatherer = EventGatherer()
    private let start = ContinuousClock.now

    private func event(_ count: Int, _ kind: QueueEvent.Kind = .started, most: Int, from first: Int = 0) -> QueueEvent {
        let jobs = (first..<first + count).map { QueueEvent.Change(kind: kind, id: JobID(unchecked: "job-\($0)")) }
        return QueueEvent(queue: "q", at: Timestamp(milliseconds: Int64(first)), all: jobs, most: most)
    }

    private func add(
        _ count: Int, _ kind: QueueEvent.Kind = .started, from first: Int = 0, to queue: String = "q",
        after time: Duration
    ) -> EventGatherer.Next {
        gatherer.add(queue, at: start + time) { event(count, kind, most: $0, from: first) }
    }

    @Test("the first is told at once, and what follows within the interval is told as one at its end, in its order")
    func gathered() throws {
        #expect(add(1, after: .zero) == .tell(event(1, most: 16)))
        #expect(add(2, from: 1, after: .milliseconds(1)) == .wait(until: start + EventGatherer.interval))
        #expect(add(1, .completed, from: 1, after: .milliseconds(2)) == .nothing)
        // Whoever waits may be late; until then all is gathered.
        #expect(add(1, from: 3, after: .seconds(1)) == .nothing)
        let told = try #require(gatherer.take("q", at: start + .seconds(1)))
        #expect(told.counts == [.started: 3, .completed: 1])
        #expect(told.jobs.map(\.id.description) == ["job-1", "job-2", "job-1", "job-3"])
        #expect(told.jobs.map(\.kind) == [.started, .started, .completed, .started])
        #expect(told.at == Timestamp(milliseconds: 3))
        #expect(gatherer.take("q", at: start + .seconds(1)) == nil)
    }

    @Test("at most so many messages a second, whatever happens, and each counts all")
    func rate() {
        var messages: [QueueEvent] = []
        var due: ContinuousClock.Instant?
        for step in 0..<10_000 {
            let now = start + .microseconds(100) * step
            if let moment = due, moment <= now {
                messages += [gatherer.take("q", at: now)].compactMap(\.self)
                due = nil
            }
            switch gatherer.add("q", at: now, { event(50, most: $0) }) {
            case .tell(let event): messages.append(event)
            case .wait(let moment): due = moment
            case .nothing: break
            }
        }
        messages += gatherer.takeAll()
        #expect(messages.reduce(0) { $0 + ($1.counts[.started] ?? 0) } == 500_000)
        #expect(messages.count <= 51)
        #expect(messages.allSatisfy { $0.jobs.count == QueueEvent.mostJobs })
    }

    @Test("names are asked for only where there is room for them")
    func room() {
        var asked: [Int] = []
        func add(_ count: Int) {
            _ = gatherer.add("q", at: start) { most in
                asked.append(most)
                return event(count, most: most)
            }
        }
        for count in [1, 10, 4, 9, 9] { add(count) }
        #expect(asked == [16, 16, 6, 2, 0])
    }

    @Test("queues do not wait for each other, silence is told at once again, and nothing is no event")
    func apart() {
        #expect(add(0, after: .zero) == .nothing)
        #expect(add(1, after: .zero) == .tell(event(1, most: 16)))
        #expect(add(1, to: "other", after: .zero) == .tell(event(1, most: 16)))
        #expect(add(0, after: .milliseconds(1)) == .nothing)
        #expect(add(1, after: EventGatherer.interval) == .tell(event(1, most: 16)))
    }

    @Test("what is left is told at the end, once")
    func rest() {
        _ = add(1, after: .zero)
        _ = add(3, after: .milliseconds(1))
        #expect(gatherer.takeAll().map(\.counts) == [[.started: 3]])
        #expect(gatherer.takeAll().isEmpty)
    }
}
