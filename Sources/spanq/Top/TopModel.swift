// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueue
import SpanQueueAdmin

/// What `spanq top` shows and does, without a terminal and without an engine: keys and figures go in, and what is to be done comes out.
struct TopModel: Sendable {
    enum View: Int, Sendable, CaseIterable {
        case queues = 1
        case jobs, workers, errors, types, feed

        var title: String {
            switch self {
            case .queues: "Queues"
            case .jobs: "Jobs"
            case .workers: "Workers"
            case .errors: "Errors"
            case .types: "Types"
            case .feed: "Feed"
            }
        }

        /// How often what it shows is asked for, while it is shown; nil for what comes by itself. Types are found by looking at jobs.
        var interval: Duration? {
            switch self {
            case .jobs, .errors: .seconds(3)
            case .types: .seconds(15)
            case .queues, .workers, .feed: nil
            }
        }
    }

    /// What is in the place of the list, or asks for something below it.
    enum Mode: Sendable, Hashable {
        case list
        case help
        /// A page of text, from some line on.
        case page(title: String, lines: [String], from: Int)
        case filter(String)
        case jump(String)
        case confirm(Deed)
    }

    /// Something that changes something.
    enum Deed: Sendable, Hashable {
        case pause(queue: String)
        case resume(queue: String)
        case act(JobAction, [Target])

        struct Target: Sendable, Hashable {
            var id: JobID
            var queue: String
        }
    }

    /// What a key asks for.
    enum Effect: Sendable, Hashable {
        case quit, suspend
        /// Ask again for what the list shows: jobs of the filter, groups of errors, types.
        case load
        case show(Page, JobID, queue: String?)
        case explain(queue: String)
        case perform(Deed)
        /// Into the clipboard of the terminal.
        case copy(String)
    }

    enum Page: Sendable, Hashable {
        case record, explanation, trace
    }

    enum Sort: Int, Sendable, CaseIterable {
        case name, ready, age, dead
    }

    let address: String
    let isReadOnly: Bool
    private(set) var view = View.queues
    private(set) var mode = Mode.list
    private(set) var data: TopData?
    private(set) var histories: [String: TopHistory] = [:]
    private(set) var total = TopHistory()
    private(set) var jobs: [JobRecord] = []
    private var allErrors: [ErrorGroupView] = []
    private var allTypes: [TypeView] = []
    /// The latest first.
    private(set) var events: [JobEventView] = []
    private(set) var marked: Set<Deed.Target> = []
    private(set) var filter = ""
    private(set) var sort = Sort.name
    private(set) var isFrozen = false
    private(set) var isUTC = true
    /// What was done, or went wrong; until the next key.
    private(set) var message: String?
    /// Why the figures are old.
    private(set) var problem: String?
    private(set) var interval = Duration.seconds(1)
    /// How many rows of the list fit; the screen says so.
    var rows = 20
    private var places: [View: Int] = [:]
    /// The job that the page is of.
    private var opened: Deed.Target?

    /// The most lines of the feed that are kept.
    private static let mostEvents = 500

    init(address: String, isReadOnly: Bool) {
        self.address = address
        self.isReadOnly = isReadOnly
    }

    // MARK: What comes in

    mutating func take(_ data: TopData) {
        problem = nil
        guard !isFrozen else { return }
        // Those that are gone need no memory.
        let names = Set(data.queues.map(\.queue))
        histories = histories.filter { names.contains($0.key) }
        var sum = QueueTotals()
        for counts in data.queues {
            histories[counts.queue, default: TopHistory()].add(counts, at: data.at)
            sum.enqueued += counts.totals.enqueued
            sum.completed += counts.totals.completed
            sum.dead += counts.totals.dead
            sum.cancelled += counts.totals.cancelled
        }
        total.add(
            QueueCounts(
                queue: "", jobs: [.ready: data.sum(.ready)], isPaused: false, oldestReadyAge: nil, totals: sum),
            at: data.at)
        self.data = data
    }

    mutating func take(jobs: [JobRecord]) {
        guard !isFrozen else { return }
        self.jobs = jobs
        let known = Set(jobs.map(\.target))
        marked = marked.intersection(known)
    }

    mutating func take(errors: [ErrorGroupView]) { if !isFrozen { allErrors = errors } }
    mutating func take(types: [TypeView]) { if !isFrozen { allTypes = types } }

    mutating func hear(_ event: QueueEvent) {
        guard !isFrozen else { return }
        events = event.jobs.reversed().map { JobEventView($0, in: event.queue, at: event.at) } + events
        if events.count > Self.mostEvents { events.removeLast(events.count - Self.mostEvents) }
    }

    mutating func fail(_ problem: String) { self.problem = problem }
    mutating func tell(_ message: String) { self.message = message }

    /// Shows a page, of a job where it is of one.
    mutating func open(_ title: String, _ lines: [String], of job: JobRecord? = nil) {
        opened = job?.target
        mode = .page(title: title, lines: lines, from: 0)
    }

    // MARK: The list

    /// The queues in the order in which they are shown.
    var queues: [QueueCounts] {
        let shown = (data?.queues ?? []).filter { filter.isEmpty || view != .queues || $0.queue.contains(filter) }
        return shown.sorted { one, other in
            switch sort {
            case .name: break
            case .ready where one[.ready] != other[.ready]: return one[.ready] > other[.ready]
            case .age where one.oldestReadyAge != other.oldestReadyAge:
                return (one.oldestReadyAge ?? .zero) > (other.oldestReadyAge ?? .zero)
            case .dead where one[.dead] != other[.dead]: return one[.dead] > other[.dead]
            default: break
            }
            return one.queue < other.queue
        }
    }

    /// Those in which the filter's text stands.
    var errors: [ErrorGroupView] {
        allErrors.filter { group in
            filter.isEmpty || [group.type, group.queue, group.message].contains { $0.contains(filter) }
        }
    }
    var types: [TypeView] { allTypes.filter { filter.isEmpty || $0.type.contains(filter) } }

    var count: Int {
        switch view {
        case .queues: queues.count
        case .jobs: jobs.count
        case .workers: data?.workers.count ?? 0
        case .errors: errors.count
        case .types: types.count
        case .feed: events.count
        }
    }

    /// The row that is chosen.
    var place: Int { min(places[view] ?? 0, max(0, count - 1)) }
    /// The first row that is shown, so that the chosen one is among them.
    var first: Int { max(0, min(place - rows / 2, count - rows)) }

    private var isPage: Bool { if case .page = mode { true } else { false } }
    private var queue: QueueCounts? {
        !isPage && queues.indices.contains(place) && view == .queues ? queues[place] : nil
    }

    /// The job that a key is about.
    private var target: Deed.Target? {
        if isPage { return opened }
        return switch view {
        case .jobs: jobs.indices.contains(place) ? jobs[place].target : nil
        case .feed:
            events.indices.contains(place)
                ? Deed.Target(id: JobID(unchecked: events[place].id), queue: events[place].queue) : nil
        case .queues, .workers, .errors, .types: nil
        }
    }

    /// What the words of the filter mean for jobs.
    var jobFilter: JobFilter {
        var wanted = JobFilter()
        for word in filter.split(separator: " ") {
            let parts = word.split(separator: ":", maxSplits: 1).map(String.init)
            switch (parts[0], parts.count) {
            case ("state", 2): wanted.state = JobState(rawValue: parts[1])
            case ("queue", 2): wanted.queue = parts[1]
            case ("tag", 2): wanted.tags.append(parts[1])
            case ("type", 2): wanted.type = parts[1]
            case ("id", 2): wanted.id = parts[1]
            case ("error", 2): wanted.error = parts[1]
            case ("fingerprint", 2): wanted.fingerprint = try? JobFilter.fingerprint(parts[1])
            case ("since", 2): wanted.since = try? TimeBound(parts[1], "since")
            case ("until", 2): wanted.until = try? TimeBound(parts[1], "until")
            default: wanted.type = String(word)
            }
        }
        return wanted
    }

    // MARK: Keys

    mutating func press(_ key: TopKey) -> [Effect] {
        message = nil
        if key == .control("c") { return [.quit] }
        if key == .control("z") { return [.suspend] }
        switch mode {
        case .list: return onList(key)
        case .help:
            mode = .list
            return []
        case .page(let title, let lines, let from): return onPage(key, title, lines, from)
        case .filter(let text): return typing(key, text) { .filter($0) }
        case .jump(let text): return typing(key, text) { .jump($0) }
        case .confirm(let deed):
            mode = .list
            guard key == .character("y") || key == .character("Y") else {
                message = "left as it is"
                return []
            }
            return [.perform(deed)]
        }
    }

    private mutating func typing(_ key: TopKey, _ text: String, _ make: (String) -> Mode) -> [Effect] {
        switch key {
        case .escape: mode = .list
        case .backspace: mode = make(String(text.dropLast()))
        case .character(let character) where text.count < 200: mode = make(text + String(character))
        case .enter:
            let wasFilter = if case .filter = mode { true } else { false }
            mode = .list
            if wasFilter {
                filter = text
                places[view] = 0
                return view == .jobs ? [.load] : []
            }
            guard NameRule.jobID.allows(text) else {
                message = text.isEmpty ? nil : "no job has such an id"
                return []
            }
            return [.show(.record, JobID(unchecked: text), queue: nil)]
        default: break
        }
        return []
    }

    private mutating func onPage(_ key: TopKey, _ title: String, _ lines: [String], _ from: Int) -> [Effect] {
        var from = from
        switch key {
        case .up, .character("k"): from -= 1
        case .down, .character("j"): from += 1
        case .pageUp, .character("h"), .left: from -= rows
        case .pageDown, .character("l"), .right, .character(" "): from += rows
        case .home, .character("g"): from = 0
        case .end, .character("G"): from = lines.count
        case .escape, .backspace, .character("q"), .enter:
            mode = .list
            return []
        default: return onEither(key)
        }
        mode = .page(title: title, lines: lines, from: max(0, min(from, lines.count - rows)))
        return []
    }

    private mutating func onList(_ key: TopKey) -> [Effect] {
        switch key {
        case .up, .character("k"): move(by: -1)
        case .down, .character("j"): move(by: 1)
        case .pageUp, .character("h"), .left: move(by: -rows)
        case .pageDown, .character("l"), .right: move(by: rows)
        case .home, .character("g"): places[view] = 0
        case .end, .character("G"): places[view] = max(0, count - 1)
        case .tab: return turn(to: View(rawValue: view.rawValue % View.allCases.count + 1))
        case .backTab:
            let count = View.allCases.count
            return turn(to: View(rawValue: (view.rawValue + count - 2) % count + 1))
        case .character(let digit) where digit.wholeNumberValue.flatMap(View.init) != nil:
            return turn(to: digit.wholeNumberValue.flatMap(View.init))
        case .enter: return enter()
        case .escape:
            if !marked.isEmpty { marked = [] } else if !filter.isEmpty { return set(filter: "") }
        case .character(" "): if view == .jobs, let target { mark(target) }
        case .character("A"): if view == .jobs { marked = marked.count == jobs.count ? [] : Set(jobs.map(\.target)) }
        case .character("/"): mode = .filter(filter)
        case .character("s"): sort = Sort(rawValue: (sort.rawValue + 1) % Sort.allCases.count) ?? .name
        case .character("q"): return [.quit]
        default: return onEither(key)
        }
        return []
    }

    /// Keys of lists and pages alike.
    private mutating func onEither(_ key: TopKey) -> [Effect] {
        switch key {
        case .character(":"): mode = .jump("")
        case .character("?"): mode = .help
        case .character("z"): isFrozen.toggle()
        case .character("u"): isUTC.toggle()
        case .character("+"): interval = max(.milliseconds(250), interval / 2)
        case .character("-"): interval = min(.seconds(32), interval * 2)
        case .character("e"):
            if let target { return [.show(.explanation, target.id, queue: target.queue)] }
            if let queue { return [.explain(queue: queue.queue)] }
        case .character("t"): if let target { return [.show(.trace, target.id, queue: target.queue)] }
        case .character("y"): if let target { return [.copy(target.id.description)] }
        case .character("R"): ask { .act(.redrive, $0) }
        case .character("C"): ask { .act(.cancel(reason: ""), $0) }
        case .character("X"): ask { .act(.remove, $0) }
        case .character("P"):
            guard let queue else { break }
            ask(queue.isPaused ? .resume(queue: queue.queue) : .pause(queue: queue.queue))
        default: break
        }
        return []
    }

    private mutating func move(by step: Int) { places[view] = max(0, min(place + step, count - 1)) }

    private mutating func turn(to other: View?) -> [Effect] {
        guard let other, other != view else { return [] }
        (view, filter, marked) = (other, "", [])
        return other.interval == nil ? [] : [.load]
    }

    private mutating func set(filter: String) -> [Effect] {
        self.filter = filter
        places[view] = 0
        return view == .jobs ? [.load] : []
    }

    private mutating func enter() -> [Effect] {
        if let queue { return jobs(of: "queue:\(queue.queue)") }
        if view == .errors, errors.indices.contains(place), let fingerprint = errors[place].fingerprint {
            return jobs(of: "fingerprint:\(fingerprint) queue:\(errors[place].queue)")
        }
        if view == .types, types.indices.contains(place) { return jobs(of: "type:\(types[place].type)") }
        return target.map { [.show(.record, $0.id, queue: $0.queue)] } ?? []
    }

    private mutating func jobs(of filter: String) -> [Effect] {
        view = .jobs
        marked = []
        return set(filter: filter)
    }

    private mutating func mark(_ target: Deed.Target) {
        if marked.remove(target) == nil { marked.insert(target) }
        move(by: 1)
    }

    private mutating func ask(_ make: ([Deed.Target]) -> Deed) {
        let targets =
            marked.isEmpty || isPage
            ? target.map { [$0] } ?? [] : marked.sorted { $0.id.description < $1.id.description }
        if !targets.isEmpty { ask(make(targets)) }
    }

    private mutating func ask(_ deed: Deed) {
        if isReadOnly { message = "nothing is changed: --read-only" } else { mode = .confirm(deed) }
    }
}

extension JobRecord {
    fileprivate var target: TopModel.Deed.Target { TopModel.Deed.Target(id: message.id, queue: message.queue) }

    func isMarked(in marked: Set<TopModel.Deed.Target>) -> Bool { marked.contains(target) }
}

extension TopModel.Deed {
    /// In words, as a question asks for it.
    var words: String {
        switch self {
        case .pause(let queue): "pause \(queue)"
        case .resume(let queue): "resume \(queue)"
        case .act(let action, let targets):
            "\(action.word) \(targets.count == 1 ? targets[0].id.description : "\(targets.count) jobs")"
        }
    }
}
