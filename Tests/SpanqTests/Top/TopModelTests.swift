// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueue
import SpanQueueAdmin
import SpanQueueCommand
import SpanQueueTelemetry
import Testing

@testable import spanq

/// A model with queues `a`, `b`, `c` and jobs `job-0` … in it.
enum TopSample {
    static let at = Timestamp(milliseconds: 1_800_000_000_000)

    static func counts(
        _ name: String, ready: Int = 0, dead: Int = 0, completed: Int = 0, enqueued: Int = 0, isPaused: Bool = false,
        age: Duration? = nil
    ) -> QueueCounts {
        var totals = QueueTotals()
        totals.enqueued = enqueued
        totals.completed = completed
        totals.dead = dead
        return QueueCounts(
            queue: name, jobs: [.ready: ready, .dead: dead], isPaused: isPaused, oldestReadyAge: age, totals: totals)
    }

    static func data(_ queues: [QueueCounts], after: Duration = .zero) -> TopData {
        TopData(
            at: at + after, queues: queues,
            workers: [
                WorkerInfo(
                    id: "host-1-abc", host: "host", pid: 1, queues: ["b"], concurrency: 10, busy: 4, startedAt: at,
                    version: "0.1.0")
            ])
    }

    static func job(_ id: String, _ state: JobState = .ready, error: String? = nil) -> JobRecord {
        let message = JobMessage(
            id: JobID(unchecked: id), queue: "a", type: "email:hi", payload: [], priority: 0, maxRetries: 2,
            backoff: nil,
            timeout: nil, deadline: nil, unique: nil, retention: .standard, tags: [], trace: .root(), runAt: nil,
            enqueuedAt: at, contentDigest: nil)
        var run = RunRecord()
        run.lastError = error
        return JobRecord(message: message, state: state, run: run, dueAt: nil, claim: nil, cancelRequest: nil)
    }

    static func group(_ type: String, _ message: String, count: Int, fingerprint: UInt64? = 0xABC) -> ErrorGroupView {
        ErrorGroupView(
            ErrorGroup(
                queue: "a", fingerprint: fingerprint, jobType: type, errorType: "exit_status", masked: message,
                count: count, firstSeen: at, lastSeen: at + .seconds(5), version: "0.1.0"))
    }

    static func type(_ name: String, workers: Int, ready: Int, dead: Int = 0) -> TypeView {
        var tally = TypeTally()
        tally.queues = ["a"]
        tally.jobs = [.ready: ready, .dead: dead]
        tally.errors = dead * 2
        return TypeView(name, tally, workers: workers)
    }

    static func model(isReadOnly: Bool = false, jobs: Int = 3) -> TopModel {
        var model = TopModel(address: "redis://localhost:6379/0", isReadOnly: isReadOnly)
        model.take(
            data([counts("b", ready: 5, age: .seconds(3)), counts("a", ready: 9, dead: 2), counts("c", isPaused: true)])
        )
        model.take(jobs: (0..<jobs).map { job("job-\($0)") })
        return model
    }
}

extension TopModel {
    /// Presses the keys of a text, one after the other.
    mutating func type(_ text: String) -> [Effect] {
        var reader = TopKeyReader()
        return (reader.feed(Array(text.utf8)) + reader.settle()).flatMap { press($0) }
    }
}

@Suite("What top does")
struct TopModelTests {
    private func target(_ number: Int) -> TopModel.Deed.Target {
        .init(id: JobID(unchecked: "job-\(number)"), queue: "a")
    }

    @Test("keys go to the lists, and through their rows")
    func moving() {
        var model = TopSample.model()
        #expect(model.queues.map(\.queue) == ["a", "b", "c"] && model.place == 0)
        #expect(model.type("jj").isEmpty && model.place == 2)
        #expect(model.type("j").isEmpty && model.place == 2)
        #expect(model.type("kkk").isEmpty && model.place == 0)
        #expect(model.type("G").isEmpty && model.place == 2)
        #expect(model.type("g").isEmpty && model.place == 0)
        #expect(model.type("2") == [.load] && model.view == .jobs)
        #expect(model.type("\t").isEmpty && model.view == .workers)
        #expect(model.type("\t\t") == [.load, .load] && model.view == .types)
        #expect(model.type("\t\t").isEmpty && model.view == .queues)
        #expect(model.type("\u{1B}[Z").isEmpty && model.view == .feed)
        // Each list keeps its place.
        #expect(model.type("1jj").isEmpty && model.place == 2)
        #expect(model.type("31").isEmpty && model.place == 2)
    }

    @Test("queues are sorted by what a key turns to, and filtered by what is typed")
    func sorting() {
        var model = TopSample.model()
        #expect(model.type("s").isEmpty && model.queues.map(\.queue) == ["a", "b", "c"])
        #expect(model.type("s").isEmpty && model.queues.map(\.queue) == ["b", "a", "c"])
        #expect(model.type("s").isEmpty && model.queues.map(\.queue) == ["a", "b", "c"])
        #expect(model.type("/bx\u{7F}\r").isEmpty && model.queues.map(\.queue) == ["b"])
        #expect(model.type("\u{1B}").isEmpty && model.queues.count == 3)
        // What is not confirmed with Enter does not count.
        #expect(model.type("/c\u{1B}").isEmpty && model.queues.count == 3)
    }

    @Test("words of the filter of jobs mean what they mean in the pages")
    func filter() {
        var model = TopSample.model()
        #expect(model.type("2/state:dead queue:mail tag:x tag:y a:*\r") == [.load, .load])
        #expect(model.jobFilter == JobFilter(queue: "mail", state: .dead, type: "a:*", tags: ["x", "y"]))
        #expect(model.type("\u{1B}") == [.load] && model.jobFilter == JobFilter())
        #expect(model.type("/id:a error:x\r") == [.load])
        #expect(model.jobFilter == JobFilter(id: "a", error: "x"))
        #expect(model.type("\u{1B}") == [.load] && model.type("/since:1h until:nonsense\r") == [.load])
        #expect(model.jobFilter.since != nil && model.jobFilter.until == nil)
    }

    @Test("Enter goes from a queue to its jobs, and from a job to its record")
    func entering() {
        var model = TopSample.model()
        #expect(model.type("\r") == [.load] && model.view == .jobs && model.jobFilter == JobFilter(queue: "a"))
        #expect(model.type("j\r") == [.show(.record, "job-1", queue: "a")])
        #expect(model.type("e") == [.show(.explanation, "job-1", queue: "a")])
        #expect(model.type("t") == [.show(.trace, "job-1", queue: "a")])
        #expect(model.type("y") == [.copy("job-1")])
        #expect(model.type(":job-9\r") == [.show(.record, "job-9", queue: nil)])
        #expect(model.type(":not an id\r").isEmpty && model.message == "no job has such an id")
        #expect(model.type("1e") == [.explain(queue: "a")])
    }

    @Test("capitals ask, and do it after a y alone")
    func deeds() {
        var model = TopSample.model()
        #expect(model.type("2R") == [.load])
        #expect(model.mode == .confirm(.act(.redrive, [target(0)])))
        #expect(model.type("R").isEmpty && model.mode == .list && model.message == "left as it is")
        #expect(model.type("Cy") == [.perform(.act(.cancel(reason: ""), [target(0)]))])
        #expect(model.type("jXY") == [.perform(.act(.remove, [target(1)]))])
        for other in ["\r", "n", " ", "\u{1B}", "q"] {
            #expect(model.type("X" + other).isEmpty && model.mode == .list)
        }
        #expect(model.type("1Py") == [.perform(.pause(queue: "a"))])
        #expect(model.type("GPy") == [.perform(.resume(queue: "c"))])
        // Where there is nothing to do it to, it does not ask.
        #expect(model.type("R3P6RCX").isEmpty && model.mode == .list)
    }

    @Test("errors by group and types are asked for, filtered by what is typed, and lead to their jobs")
    func groups() {
        var model = TopSample.model()
        #expect(model.type("4") == [.load] && model.view == .errors && model.count == 0)
        let others = TopSample.group("", "", count: 7, fingerprint: nil)
        model.take(errors: [TopSample.group("charge:card", "no route", count: 1204), others])
        #expect(model.count == 2)
        // Nobody knows the jobs of the rest.
        #expect(model.type("j\r").isEmpty && model.view == .errors)
        #expect(model.type("/rout\r").isEmpty && model.errors.map(\.count) == [1204])
        #expect(model.type("\r") == [.load] && model.view == .jobs)
        #expect(model.jobFilter == JobFilter(queue: "a", fingerprint: 0xABC))
        #expect(model.type("5") == [.load] && model.view == .types && model.filter.isEmpty)
        model.take(types: [TopSample.type("a:1", workers: 1, ready: 2), TopSample.type("b:1", workers: 0, ready: 3)])
        #expect(model.type("/b\r").isEmpty && model.types.map(\.type) == ["b:1"])
        // Capitals are about jobs and queues.
        #expect(model.type("RyCyXyPyet").isEmpty && model.mode == .list)
        #expect(model.type("\r") == [.load] && model.jobFilter == JobFilter(type: "b:1"))
        _ = model.type("z")
        model.take(errors: [])
        model.take(types: [])
        _ = model.type("4")
        #expect(model.count == 2)
        _ = model.type("5")
        #expect(model.count == 2)
    }

    @Test("several that are selected are done together; one that is gone is not")
    func selection() {
        var model = TopSample.model()
        #expect(model.type("2  C") == [.load])
        #expect(model.mode == .confirm(.act(.cancel(reason: ""), [target(0), target(1)])))
        _ = model.type("n")
        model.take(jobs: [TopSample.job("job-1"), TopSample.job("job-7")])
        #expect(model.marked == [target(1)])
        #expect(model.type("A").isEmpty && model.marked.count == 2)
        #expect(model.type("A").isEmpty && model.marked.isEmpty)
        _ = model.type("A\u{1B}")
        #expect(model.marked.isEmpty)
        // What is selected in one list is not carried into another.
        #expect(model.type("A1") == [] && model.marked.isEmpty)
    }

    @Test("keys on the page of a job are about that job, whatever is chosen or selected in the list")
    func page() {
        var model = TopSample.model()
        _ = model.type("2A")
        model.open("job job-9", (0..<100).map(String.init), of: TopSample.job("job-9"))
        let other = TopModel.Deed.Target(id: "job-9", queue: "a")
        #expect(model.type("R").isEmpty && model.mode == .confirm(.act(.redrive, [other])))
        model.open("why", ["x"])
        #expect(model.type("RCXyet").isEmpty)
        // And not about a queue of the list behind it.
        #expect(model.type("\u{1B}1").isEmpty)
        model.open("job job-9", ["x"], of: TopSample.job("job-9"))
        #expect(model.type("P").isEmpty && model.type("e") == [.show(.explanation, "job-9", queue: "a")])
    }

    @Test("a page is read from its first line to its last, and no further")
    func reading() {
        var model = TopSample.model()
        model.rows = 10
        model.open("t", (0..<35).map(String.init))
        func from() -> Int { if case .page(_, _, let from) = model.mode { from } else { -1 } }
        for (keys, place) in [("j", 1), ("k", 0), ("k", 0), ("l", 10), ("G", 25), ("l", 25), ("g", 0)] {
            _ = model.type(keys)
            #expect(from() == place, "\(keys)")
        }
        _ = model.type("q")
        #expect(model.mode == .list)
        model.open("t", ["short"])
        _ = model.type("jlG")
        #expect(from() == 0)
    }

    @Test("read-only asks for nothing and does nothing")
    func readOnly() {
        var model = TopSample.model(isReadOnly: true)
        #expect(model.type("P").isEmpty && model.mode == .list && model.message == "nothing is changed: --read-only")
        #expect(model.type("2RyCyXy") == [.load, .copy("job-0"), .copy("job-0"), .copy("job-0")])
    }

    @Test("frozen, nothing moves")
    func frozen() {
        var model = TopSample.model()
        _ = model.type("z")
        model.take(TopSample.data([]))
        model.take(jobs: [])
        model.hear(QueueEvent(queue: "a", at: TopSample.at, all: [.init(kind: .started, id: "x")]))
        #expect(model.queues.count == 3 && model.jobs.count == 3 && model.events.isEmpty)
        _ = model.type("z")
        model.take(TopSample.data([]))
        #expect(model.queues.isEmpty)
    }

    @Test("faster and slower within bounds; q, Ctrl-C and Ctrl-Z")
    func others() {
        var model = TopSample.model()
        _ = model.type("++++++")
        #expect(model.interval == .milliseconds(250))
        _ = model.type(String(repeating: "-", count: 20))
        #expect(model.interval == .seconds(32))
        #expect(model.type("q") == [.quit] && model.type("\u{3}") == [.quit] && model.type("\u{1A}") == [.suspend])
        // While something is typed, letters are letters, and Ctrl-C is the end all the same.
        #expect(model.type("/q1R") == [] && model.mode == .filter("q1R"))
        #expect(model.type("\u{3}") == [.quit])
    }

    @Test("the latest event stands first, and no more are kept than are looked at")
    func feed() {
        var model = TopSample.model()
        for number in 0..<600 {
            model.hear(
                QueueEvent(
                    queue: "a", at: TopSample.at, all: [.init(kind: .started, id: JobID(unchecked: "\(number)"))]))
        }
        #expect(model.events.count == 500 && model.events[0].id == "599")
        #expect(model.type("6j\r") == [.show(.record, "598", queue: "a")])
    }

    @Test("rates are differences over ten seconds; a queue that begins anew has none")
    func rates() {
        var history = TopHistory()
        for second in 0...20 {
            history.add(
                TopSample.counts("a", ready: 100 - second, completed: second * 5, enqueued: 50 + second * 4),
                at: TopSample.at + .seconds(second))
        }
        #expect(history.arriving == 4 && history.leaving == 5 && history.completing == 5 && history.dying == 0)
        #expect(history.drain(80) == .seconds(80))
        #expect(history.drain(0) == nil)
        #expect(history.ready.last == 80)
        history.add(TopSample.counts("a", enqueued: 1), at: TopSample.at + .seconds(21))
        #expect(history.arriving == nil && history.ready == [0])
    }
}
