// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import ArgumentParser
import Foundation
import Logging
import SpanQueue
import SpanQueueAdmin
import SpanQueueCommand
import Synchronization

/// `spanq top`
struct TopCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "top",
        abstract: "Watch queues, jobs and workers on the whole terminal.",
        discussion: """
            Small letters look and move, capitals change something and ask first; ? shows the keys. Without a terminal it prints how \
            things stand, once.
            """)

    @Flag(help: "Change nothing: the keys that would are not there.")
    var readOnly = false

    @OptionGroup var global: GlobalOptions

    func run() async throws {
        let reader = try global.reader()
        var settings = reader
        let address = try ConnectionSettings(&settings, logLevel: .error).shownURL
        let isScreen =
            !global.json && Console.isTerminal && isatty(STDIN_FILENO) == 1
            && ProcessInfo.processInfo.environment["TERM"] != "dumb"
        try await global.withAdmin(reader) { admin in
            if isScreen {
                try await TopSession(admin, address: address, isReadOnly: readOnly).run()
            } else if global.json {
                try JSONLine.print(try await admin.stats())
            } else {
                Console.print(try await TopSnapshot.text(of: admin, address: address))
            }
        }
    }
}

/// How things stand, for those who have no terminal.
enum TopSnapshot {
    static func text(of admin: Admin, address: String) async throws -> String {
        var model = TopModel(address: address, isReadOnly: true)
        model.take(try await TopSession.look(admin))
        // A rate needs two looks.
        try await Task.sleep(for: .seconds(1))
        model.take(try await TopSession.look(admin))
        return lines(model, marks: Console.isUTF8 ? .unicode : .ascii).joined(separator: "\n")
    }

    static func lines(_ model: TopModel, marks: TopMarks) -> [String] {
        var model = model
        var lines: [String] = []
        for (view, key) in [(TopModel.View.queues, Character("1")), (.workers, "3")] {
            _ = model.press(.character(key))
            model.rows = max(1, model.count)
            let page = TopScreen(columns: 160, rows: model.rows + 5, marks: marks).draw(model)
            // Without the tabs and the keys.
            lines +=
                (view == .queues ? page.prefix(2) : []).map(\.text) + [""] + page.dropFirst(3).dropLast().map(\.text)
        }
        return lines.map { line in String(line.reversed().drop { $0 == " " }.reversed()) }
    }
}

/// A person at a terminal.
struct TopSession: Sendable {
    private enum Event: Sendable {
        case terminal(TopTerminal.Event)
        case data(TopData)
        case jobs([JobRecord])
        case errors([ErrorGroupView])
        case types([TypeView])
        case news(EngineNews)
        case failed(String)
        case page(String, [String], JobRecord?)
        case message(String)
    }

    /// How often it is looked, which keys change.
    private final class Pace: Sendable {
        let interval = Mutex(Duration.seconds(1))
    }

    private let admin: Admin
    private let address: String
    private let isReadOnly: Bool

    init(_ admin: Admin, address: String, isReadOnly: Bool) {
        self.admin = admin
        self.address = address
        self.isReadOnly = isReadOnly
    }

    /// How many jobs, and groups of errors, are listed.
    private static let mostListed = 200

    static func look(_ admin: Admin) async throws -> TopData {
        let sent = Date()
        let now = try await admin.now()
        let half = Duration.milliseconds(Int64(Date().timeIntervalSince(sent) * 500))
        let (queues, _) = try await admin.counts()
        return TopData(
            at: now, skew: now - (Timestamp(sent) + half), queues: queues, workers: try await admin.workerInfos())
    }

    func run() async throws {
        let (events, sink) = AsyncStream.makeStream(of: Event.self)
        let terminal = try TopTerminal { sink.yield(.terminal($0)) }
        defer { terminal.close() }
        let pace = Pace()
        await withThrowingTaskGroup(of: Void.self) { group in
            defer { group.cancelAll() }
            group.addTask {
                while true {
                    do {
                        sink.yield(.data(try await Self.look(admin)))
                    } catch let error as SpanQueueError {
                        sink.yield(.failed(error.message))
                    }
                    try await Task.sleep(for: pace.interval.withLock { $0 })
                }
            }
            group.addTask { for await news in try await admin.news() { sink.yield(.news(news)) } }
            var model = TopModel(address: address, isReadOnly: isReadOnly)
            var painter = TopPainter(hasColors: Console.hasStyle)
            // Of what the list shows and has to be asked for: when that was last, and whether the answer is still to come.
            var lastList = ContinuousClock.now
            var isAsked = false
            for await event in events {
                var effects: [TopModel.Effect] = []
                switch event {
                case .terminal(.key(let key)): effects = model.press(key)
                case .terminal(.changed): painter.forget()
                case .terminal(.ended): return
                case .data(let data):
                    model.take(data)
                    if let interval = model.view.interval, !isAsked, .now - lastList > interval { effects = [.load] }
                case .jobs(let jobs): model.take(jobs: jobs)
                case .errors(let errors): model.take(errors: errors)
                case .types(let types): model.take(types: types)
                case .news(.event(let event)): model.hear(event)
                case .news(.missed): break
                case .failed(let problem): model.fail(problem)
                case .page(let title, let lines, let job): model.open(title, lines, of: job)
                case .message(let text): model.tell(text)
                }
                switch event {
                case .jobs, .errors, .types, .message: (isAsked, lastList) = (false, .now)
                default: break
                }
                pace.interval.withLock { $0 = model.interval }
                for effect in effects {
                    switch effect {
                    case .quit: return
                    case .suspend: terminal.suspend()
                    // Base 64, which no terminal takes for anything else (OSC 52).
                    case .copy(let text):
                        terminal.write("\u{1B}]52;c;\(Data(text.utf8).base64EncodedString())\u{07}")
                        model.tell("copied")
                    case .load:
                        isAsked = true
                        let (view, filter) = (model.view, model.jobFilter)
                        group.addTask { await answer(sink) { try await list(view, filter) } }
                    case .show, .explain:
                        let width = terminal.size.columns
                        group.addTask { await answer(sink) { try await page(effect, width: width) } }
                    case .perform(let deed):
                        group.addTask {
                            await answer(sink) { .message(try await perform(deed)) }
                            sink.yield(.terminal(.changed))
                        }
                    }
                }
                let (columns, rows) = terminal.size
                let screen = TopScreen(columns: columns, rows: rows, marks: Console.isUTF8 ? .unicode : .ascii)
                model.rows = screen.listRows
                terminal.write(painter.paint(screen.draw(model)))
            }
        }
    }

    private func list(_ view: TopModel.View, _ filter: JobFilter) async throws -> Event {
        switch view {
        case .errors: .errors(try await admin.errors(limit: Self.mostListed).errors)
        case .types: .types(try await admin.types().types)
        default: .jobs(try await admin.search(filter, limit: Self.mostListed).jobs)
        }
    }

    /// Sends what came of something, or what went wrong.
    private func answer(_ sink: AsyncStream<Event>.Continuation, _ work: () async throws -> Event) async {
        do {
            sink.yield(try await work())
        } catch is CancellationError {
        } catch let error as SpanQueueError {
            sink.yield(.message(error.message))
        } catch {
            sink.yield(.message("\(error)"))
        }
    }

    private func page(_ effect: TopModel.Effect, width: Int) async throws -> Event {
        func lines(_ text: String) -> [String] {
            text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        }
        guard case .show(let kind, let id, let queue) = effect else {
            guard case .explain(let queue) = effect else { throw CancellationError() }
            return .page(
                "why the jobs of \(queue) do not run", Self.lines(of: try await admin.explain(queue: queue)), nil)
        }
        let record = try await admin.record(id, in: queue)
        switch kind {
        case .record:
            let note = try await Explanation.note(on: record, from: admin)
            return .page("job \(id)", lines(JobPage.render(record, note: note, width: width, hasStyle: false)), record)
        case .explanation:
            return .page("job \(id)", Self.lines(of: try await admin.explain(id, in: record.message.queue)), record)
        case .trace:
            let trace = try await admin.trace(id, in: record.message.queue)
            let page = TracePage(
                trace, width: max(60, width), marks: Console.isUTF8 ? .unicode : .ascii, hasStyle: false, link: nil)
            return .page("job \(id)", lines(page.render()), record)
        }
    }

    private static func lines(of explanation: Explanation) -> [String] {
        [Table.clean(explanation.verdict), ""]
            + explanation.reasons.flatMap { reason in
                [Table.clean("\(reason.code): \(reason.detail)")]
                    + (reason.command.map { ["    \(Table.clean($0))"] } ?? [])
            }
    }

    private func perform(_ deed: TopModel.Deed) async throws -> String {
        switch deed {
        case .pause(let queue):
            _ = try await admin.run(.pause(queue: queue, reason: ""), as: .ofProcess)
            return "\(queue) is paused"
        case .resume(let queue):
            _ = try await admin.run(.resume(queue: queue), as: .ofProcess)
            return "\(queue) goes on"
        case .act(let action, let targets):
            var done = 0
            var problem: String?
            for target in targets {
                do {
                    _ = try await admin.run(.act(action, target.id, queue: target.queue), as: .ofProcess)
                    done += 1
                } catch let error as SpanQueueError {
                    problem = error.message
                }
            }
            return "\(done) of \(targets.count) done" + (problem.map { "; \($0)" } ?? "")
        }
    }
}
