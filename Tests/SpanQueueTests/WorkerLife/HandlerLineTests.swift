// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Testing

@testable import SpanQueue

@Suite("Jobs on their way to handlers, and back")
struct HandlerLineTests {
    private typealias Line = HandlerLine<Int, Int>
    private static let start = ContinuousClock.now

    @Test(
        "a group of quick jobs is started by one starter, and comes back at its end, or in halves",
        arguments: [10, 100])
    func group(slots: Int) {
        var line = Line(slots: slots, threads: 4)
        #expect(line.add(0..<slots, at: Self.start) == (1, true))
        var starter = Line.Starter()
        var back: [[Int]] = []
        for job in 0..<slots {
            guard case .start(job, starters: 0) = line.next(&starter, at: Self.start) else {
                Issue.record("job \(job) is not started")
                return
            }
            if line.add(ended: job) { back.append(line.takeEnded()) }
        }
        #expect(back == (slots == 10 ? [Array(0..<10)] : [Array(0..<50), Array(50..<100)]))
        guard case .end = line.next(&starter, at: Self.start) else {
            Issue.record("the starter goes on")
            return
        }
        #expect(line.isEmpty)
    }

    @Test("a lone job is told of at once, and nobody looks after it")
    func lone() {
        var line = Line(slots: 10, threads: 4)
        #expect(line.add([1], at: Self.start) == (1, false))
        var starter = Line.Starter()
        _ = line.next(&starter, at: Self.start)
        let tells = line.add(ended: 1)
        #expect(tells)
        _ = line.next(&starter, at: Self.start)
        #expect(line.takeEnded() == [1])
        #expect(line.isEmpty)
    }

    @Test("where starts take long there is a starter for each thread, and one again where they are quick")
    func threads() {
        var line = Line(slots: 100, threads: 4)
        var now = Self.start
        /// How many starters are sent with a group, and until it is started.
        func work(each: Duration) -> (first: Int, all: Int) {
            let first = line.add(0..<20, at: now).starters
            var (sent, done) = (first, 0)
            while done < sent {
                done += 1
                var starter = Line.Starter()
                while case .start(_, let more) = line.next(&starter, at: now) {
                    sent += more
                    now += each
                }
            }
            now += .seconds(1)
            return (first, sent)
        }
        #expect(work(each: .microseconds(1)) == (1, 1))
        let slow = work(each: .microseconds(20))
        #expect(slow.first == 1 && slow.all > 1)
        for _ in 0..<3 { _ = work(each: .microseconds(20)) }
        #expect(work(each: .microseconds(20)).first == 4)
        for _ in 0..<20 { _ = work(each: .microseconds(1)) }
        #expect(work(each: .microseconds(1)) == (1, 1))
    }

    @Test("a starter that has been at it for a while lets others in the pool have the thread")
    func turn() {
        var line = Line(slots: 10, threads: 1)
        _ = line.add(0..<3, at: Self.start)
        var starter = Line.Starter()
        guard case .start(0, _) = line.next(&starter, at: Self.start),
            case .yield = line.next(&starter, at: Self.start + HandlerTimes.turn)
        else {
            Issue.record("it goes on")
            return
        }
        var next = Line.Starter()
        guard case .start(1, _) = line.next(&next, at: Self.start + HandlerTimes.turn) else {
            Issue.record("the next does not go on")
            return
        }
    }

    @Test("behind a handler that blocks its thread each job gets a starter of its own")
    func blocked() {
        var line = Line(slots: 10, threads: 2)
        #expect(line.add(0..<10, at: Self.start) == (1, true))
        var starter = Line.Starter()
        _ = line.next(&starter, at: Self.start)
        let look = line.look(at: Self.start + HandlerTimes.patience)
        #expect(look == (9, false, false))
    }

    @Test("no job, thread or ended attempt waits for longer than it must, whatever handlers do")
    func model() throws {
        for seed in 1...500 {
            var model = HandlerLineModel(seed: UInt64(seed))
            try model.run()
        }
    }
}

/// A pool with its threads, handlers that return, are suspended or block, and a worker that takes back what has ended and brings more.
private struct HandlerLineModel {
    typealias Instant = ContinuousClock.Instant
    typealias Starter = HandlerLine<Int, Int>.Starter

    struct Violation: Error, CustomStringConvertible {
        let description: String
    }

    /// What a thread of the pool does.
    enum Item {
        case starter(Starter)
        /// A handler has come to its end, or its first suspension.
        case left(job: Int, isSuspended: Bool, Starter)
        /// The rest of a handler that was suspended.
        case rest(job: Int)
        /// Of somebody else.
        case foreign(Duration)
        case nothing
    }

    enum Event {
        case thread(Item)
        case queue(Item)
        case take
        case look
    }

    /// How long a thread takes to wake.
    static let wakeUp = 40

    let seed: UInt64
    let slots: Int
    /// How many handlers of ten are quick.
    let quick: Int
    var random: SplitMix
    var line: HandlerLine<Int, Int>
    /// Jobs that were not claimed yet.
    var left: Int
    var free: Int
    var now = ContinuousClock.now
    var events: [(at: Instant, order: Int, event: Event)] = []
    var order = 0
    /// What waits for a thread, and the threads that have nothing to do.
    var pool: [Item] = []
    var idle: Int
    var idleSince: Instant?
    var nextJob = 0
    /// Jobs that were handed over and not started, and attempts that ended and were not taken back, and since when.
    var waiting: [Int: Instant] = [:]
    var ended: [Int: Instant] = [:]
    var running: Set<Int> = []
    var isTold = false

    init(seed: UInt64) {
        self.seed = seed
        var random = SplitMix(state: seed &* 0x9E37_79B9_7F4A_7C15)
        slots = 1 + random.below(20)
        idle = 1 + random.below(4)
        quick = [0, 5, 9, 10][random.below(4)]
        left = 100 + random.below(200)
        free = slots
        line = HandlerLine(slots: slots, threads: idle)
        idleSince = now
        self.random = random
    }

    mutating func run() throws {
        if random.below(3) == 0 { at(now, .queue(.foreign(.milliseconds(random.below(20))))) }
        bring()
        dispatch()
        while let next = events.indices.min(by: {
            (events[$0].at, events[$0].order) < (events[$1].at, events[$1].order)
        }) {
            let (moment, _, event) = events.remove(at: next)
            now = moment
            try check()
            try handle(event)
            dispatch()
        }
        guard left == 0, running.isEmpty, ended.isEmpty, waiting.isEmpty, line.isEmpty else {
            throw violation("it has come to a stop: \(left) + \(waiting.count) jobs, \(ended.count) ended, \(line)")
        }
    }

    private mutating func check() throws {
        if let (job, since) = ended.min(by: { $0.value < $1.value }), !isTold {
            guard now - since <= HandlerTimes.patience else {
                throw violation("\(job), which has ended, waits \(now - since)")
            }
        }
        if let idleSince, let (job, since) = waiting.min(by: { $0.value < $1.value }) {
            let time = now - max(since, idleSince)
            guard time <= HandlerTimes.patience * 2 + .microseconds(Self.wakeUp) else {
                throw violation("job \(job) waits \(time) beside a thread with nothing to do: \(line)")
            }
        }
    }

    private func violation(_ text: String) -> Violation { Violation(description: "seed \(seed): \(text)") }

    private mutating func at(_ moment: Instant, _ event: Event) {
        order += 1
        events.append((moment, order, event))
    }

    /// The worker claims for slots that are free, some or all.
    private mutating func bring() {
        let count = min(free, left, 1 + random.below(slots))
        guard count > 0 else { return }
        let jobs = nextJob..<nextJob + count
        nextJob += count
        left -= count
        free -= count
        for job in jobs { waiting[job] = now }
        let (starters, looks) = line.add(jobs, at: now)
        send(starters)
        if looks { at(now + HandlerTimes.patience, .look) }
    }

    private mutating func send(_ starters: Int) {
        for _ in 0..<starters { pool.append(.starter(Starter())) }
    }

    /// Threads take what waits for them.
    private mutating func dispatch() {
        while !pool.isEmpty, idle > 0 {
            idle -= 1
            at(now + .microseconds(random.below(Self.wakeUp)), .thread(pool.removeFirst()))
        }
        idleSince = idle == 0 ? nil : idleSince ?? now
    }

    private mutating func handle(_ event: Event) throws {
        switch event {
        case .queue(let item): pool.append(item)
        case .take:
            isTold = false
            let jobs = line.takeEnded()
            for job in jobs where ended.removeValue(forKey: job) == nil { throw violation("\(job) comes back twice") }
            free += jobs.count
            bring()
        case .look:
            let (starters, tells, looks) = line.look(at: now)
            send(starters)
            if looks { at(now + HandlerTimes.patience, .look) }
            if tells { try tell() }
        case .thread(.nothing): idle += 1
        case .thread(.foreign(let time)): at(now + time, .thread(.nothing))
        case .thread(.rest(let job)):
            try end(job)
            at(now, .thread(.nothing))
        case .thread(.left(let job, let isSuspended, let starter)):
            if isSuspended {
                at(now + .microseconds(random.below(3000)), .queue(.rest(job: job)))
            } else {
                try end(job)
            }
            try go(on: starter)
        case .thread(.starter(let starter)): try go(on: starter)
        }
    }

    private mutating func go(on starter: Starter) throws {
        var starter = starter
        switch line.next(&starter, at: now) {
        case .end: at(now, .thread(.nothing))
        case .yield:
            send(1)
            at(now, .thread(.nothing))
        case .start(let job, let more):
            guard waiting.removeValue(forKey: job) != nil else { throw violation("\(job) is started twice") }
            send(more)
            running.insert(job)
            let time = Duration.microseconds(random.below(10) < quick ? 1 + random.below(5) : random.below(6000))
            at(now + time, .thread(.left(job: job, isSuspended: random.below(4) == 0, starter)))
        }
    }

    private mutating func end(_ job: Int) throws {
        guard running.remove(job) != nil else { throw violation("\(job) ends twice") }
        ended[job] = now
        if line.add(ended: job) { try tell() }
        guard isTold || !waiting.isEmpty else { throw violation("\(job) has ended, nothing waits, and nobody is told") }
    }

    private mutating func tell() throws {
        guard !isTold else { throw violation("the worker is told twice") }
        isTold = true
        at(now + .microseconds(random.below(Self.wakeUp)), .take)
    }
}
