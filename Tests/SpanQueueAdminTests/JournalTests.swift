// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueue
import SpanQueueTesting
import Synchronization
import Testing

@testable import SpanQueueAdmin

@Suite("The journal", .timeLimit(.minutes(1)))
struct JournalTests {
    private let queue: JobQueue
    private let admin: Admin
    private let ada = Principal(name: "ada", way: .web, role: .admin, address: "192.0.2.7")

    init() throws {
        queue = try JobQueue.testing()
        admin = Admin(queue)
    }

    private func deeds(
        _ filter: JournalFilter = JournalFilter(), in admin: Admin? = nil
    ) async throws -> [JournalDeedView] {
        try await (admin ?? self.admin).journal(filter, limit: 1000).deeds
    }

    private func enqueue(_ ids: JobID..., in name: String = "mail") async throws {
        for id in ids { try await queue.enqueue(type: "t", payload: [], .id(id), .queue(name), .delay(.seconds(60))) }
    }

    @Test("each operation is in it once, with who, from where, what came of it and to how many jobs")
    func operations() async throws {
        try await enqueue("a", "b", "c")
        let operations: [Operation] = [
            .pause(queue: "mail", reason: "deploy"), .resume(queue: "mail"),
            .act(.bury(reason: "bad"), "a", queue: "mail"),
            .act(.cancel(reason: ""), "b", queue: nil), .act(.redrive, "c", queue: "mail"), .redriveAll(queue: "mail"),
            .purge(queue: "mail", .ready), .act(.remove, "b", queue: "mail"), .delete(queue: "mail"),
        ]
        for operation in operations { _ = try await admin.run(operation, as: ada) }
        let deeds = try await deeds()
        #expect(deeds.reversed().map(\.action) == operations.map(\.word))
        #expect(
            deeds.allSatisfy {
                $0.by == "ada" && $0.via == "web" && $0.role == "admin" && $0.address == "192.0.2.7"
                    && $0.outcome == "done" && $0.error == nil
            })
        #expect(deeds.allSatisfy { $0.queue == "mail" })
        #expect(
            deeds.reversed().map(\.target) == [nil, nil, "a", "b", "c", "state=dead", "state=ready", "b", nil])
        #expect(deeds.reversed().map(\.count) == [nil, nil, nil, nil, nil, 1, 2, nil, nil])
        #expect(deeds.reversed().map(\.reason) == ["deploy", nil, "bad", nil, nil, nil, nil, nil, nil])
        #expect(Set(deeds.map(\.id)).count == operations.count)
    }

    @Test("it has the intent before the deed, which is seen while the deed goes on, and one that fails says why")
    func intent() async throws {
        let deed = JournalDeed("redrive", queue: "mail", by: ada)
        let admin = admin
        let outcome = try await admin.journaled(deed, count: { $0 }) { () async throws -> Int in
            let seen = try await admin.journal(JournalFilter(), limit: 10).deeds
            #expect(seen.count == 1 && seen[0].outcome == nil && seen[0].count == nil)
            return 3
        }
        #expect(outcome == 3)
        #expect(try await deeds().map(\.count) == [3])
        await #expect(throws: SpanQueueError.self) {
            try await admin.run(.resume(queue: "mial"), as: ada)
        }
        let failed = try #require(try await deeds().first)
        #expect(failed.outcome == "failed" && failed.error?.contains("no queue mial") == true)
    }

    @Test("what came of a deed is told although the task that did it was cancelled")
    func cancelled() async throws {
        let admin = admin
        let deed = JournalDeed("purge", queue: "mail", by: ada)
        let task = Task {
            try await admin.journaled(deed) {
                withUnsafeCurrentTask { $0?.cancel() }
                try Task.checkCancellation()
            }
        }
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(try await deeds().map(\.outcome) == ["failed"])
    }

    @Test("without a right there is no deed, and nothing in the journal")
    func refused() async throws {
        try await enqueue("a")
        let viewer = Principal(name: "eve", way: .web, scopes: Role.viewer.scopes, role: .viewer)
        await #expect(throws: AdminError.self) { try await admin.run(.resume(queue: "mail"), as: viewer) }
        #expect(try await deeds().isEmpty)
    }

    @Test("it is filtered by person, action, queue and target, each of which may end in an asterisk")
    func filters() async throws {
        try await enqueue("a", "b")
        try await enqueue("c", in: "other")
        let bob = Principal(name: "bob@host", way: .command)
        _ = try await admin.run(.act(.cancel(reason: ""), "a", queue: "mail"), as: ada)
        _ = try await admin.run(.act(.redrive, "b", queue: "mail"), as: bob)
        _ = try await admin.run(.act(.cancel(reason: ""), "c", queue: "other"), as: bob)
        for (filter, targets) in [
            (JournalFilter(by: "ada"), ["a"]), (JournalFilter(by: "bob@*"), ["c", "b"]),
            (JournalFilter(by: "bob"), []), (JournalFilter(action: "cancel"), ["c", "a"]),
            (JournalFilter(queue: "mail"), ["b", "a"]), (JournalFilter(target: "c"), ["c"]),
            (JournalFilter(by: "*", action: "re*", queue: "ma*", target: "*"), ["b"]),
            (JournalFilter(by: "bob@host", queue: "mail"), ["b"]),
        ] {
            #expect(try await deeds(filter).map(\.target) == targets, "\(filter)")
        }
    }

    @Test("pages have each deed once, also where its two entries are on either side of an end", arguments: 1...5)
    func pages(limit: Int) async throws {
        let store = try #require(try await queue.engine as? any JournalStore)
        func deed(_ target: String) -> JournalDeed { JournalDeed("cancel", queue: "mail", target: target, by: ada) }
        // Ten that overlap: each ends after three others have begun; the last three go on.
        var intents: [String] = []
        for number in 0..<10 {
            intents.append(try await store.append(deed("\(number)"), outcome: nil, intent: nil))
            if number >= 3 {
                _ = try await store.append(
                    deed("\(number - 3)"), outcome: .done(count: nil), intent: intents[number - 3])
            }
        }
        var seen: [JournalDeedView] = []
        var cursor: String?
        repeat {
            let page = try await admin.journal(JournalFilter(), cursor: cursor, limit: limit)
            #expect(page.deeds.count <= limit)
            seen += page.deeds
            cursor = page.cursor
        } while cursor != nil
        #expect(seen.count == 10 && Set(seen.map(\.id)) == Set(intents))
        #expect(Set(seen.filter { $0.outcome == nil }.map(\.target)) == ["7", "8", "9"])
    }

    @Test("a cursor is of one filter, and texts that are none are refused")
    func cursors() async throws {
        try await enqueue("a")
        for _ in 0..<3 { _ = try await admin.run(.pause(queue: "mail", reason: ""), as: ada) }
        let cursor = try #require(try await admin.journal(JournalFilter(), limit: 1).cursor)
        #expect(try await admin.journal(JournalFilter(), cursor: cursor, limit: 9).deeds.count == 2)
        for (text, filter) in [
            (cursor, JournalFilter(by: "ada")), ("", JournalFilter()), ("x", JournalFilter()),
            ("AA", JournalFilter()), (String(repeating: "A", count: 9000), JournalFilter()),
        ] {
            let error = await #expect(throws: SpanQueueError.self) {
                try await admin.journal(filter, cursor: text, limit: 1)
            }
            #expect(error?.code == .invalidArgument)
        }
    }

    @Test("who may see some queues only, sees what was done in these and no more")
    func visible() async throws {
        try await enqueue("a")
        try await enqueue("b", in: "hidden")
        _ = try await admin.run(.pause(queue: "mail", reason: ""), as: ada)
        _ = try await admin.run(.pause(queue: "hidden", reason: ""), as: ada)
        _ = try await admin.run(.act(.cancel(reason: ""), "b", queue: nil), as: ada)
        let eve = Principal(name: "eve", way: .web, queues: try QueuePatterns("mail,media-*"))
        #expect(try await deeds(in: admin.visible(to: eve)).map(\.queue) == ["mail"])
        #expect(try await deeds().count == 3)
    }

    private final class Seen: Sendable {
        let texts = Mutex<[String]>([])
    }

    @Test("who follows it is told of the latest deeds, and then of each when it begins and when it has ended")
    func follow() async throws {
        try await enqueue("a", "b")
        try await enqueue("c", in: "other")
        for operation in [
            Operation.pause(queue: "mail", reason: ""), .resume(queue: "mail"), .pause(queue: "mail", reason: ""),
        ] {
            _ = try await admin.run(operation, as: ada)
        }
        let seen = Seen()
        let admin = admin
        let task = Task {
            try await admin.followJournal(JournalFilter(queue: "mail"), latest: 2, every: .milliseconds(2)) { deeds in
                seen.texts.withLock { seen in
                    seen += deeds.map { "\($0.action) \($0.target ?? "-") \($0.outcome ?? "begun")" }
                }
            }
        }
        func until(_ text: String) async throws {
            let end = ContinuousClock.now + .seconds(30)
            while !seen.texts.withLock({ $0.contains(text) }) {
                try #require(ContinuousClock.now < end, "\(text): \(seen.texts.withLock { $0 })")
                try await Task.sleep(for: .milliseconds(2))
            }
        }
        try await until("pause - done")
        let deed = JournalDeed("redrive", queue: "mail", target: "x", by: ada)
        try await admin.journaled(deed) { try await until("redrive x begun") }
        try await until("redrive x done")
        _ = try await admin.run(.act(.cancel(reason: ""), "c", queue: "other"), as: ada)
        _ = try await admin.run(.act(.cancel(reason: ""), "a", queue: "mail"), as: ada)
        try await until("cancel a done")
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(
            seen.texts.withLock { $0.filter { $0 != "cancel a begun" } } == [
                "resume - done", "pause - done", "redrive x begun", "redrive x done", "cancel a done",
            ])
    }

    @Test("of a deed that has begun and ended since the last look only the end is told")
    func latest() {
        func entry(_ place: String, _ intent: String? = nil) -> JournalEntry {
            JournalEntry(
                place: place, at: JobSample.at(0), deed: JournalDeed("pause", by: ada), intent: intent,
                outcome: intent.map { _ in .done(count: nil) })
        }
        let entries = [entry("5", "1"), entry("6"), entry("7"), entry("8", "7")]
        #expect(Admin.latest(of: entries).map(\.place) == ["5", "6", "8"])
    }

    @Test("a reason of any length is kept in part")
    func reasons() async throws {
        try await enqueue("a")
        _ = try await admin.run(.pause(queue: "mail", reason: String(repeating: "é", count: 3000)), as: ada)
        #expect(try await deeds()[0].reason?.utf8.count ?? 0 <= 503)
    }

    @Test("a deed as JSON")
    func view() throws {
        let deed = JournalDeed("purge", queue: "mail", target: "state=dead", by: ada)
        let entry = JournalEntry(
            place: "2", at: JobSample.at(0), deed: deed, intent: "1", outcome: .done(count: 7))
        #expect(
            try AdminJSON.line(JournalDeedView(entry)) == """
                {"action":"purge","address":"192.0.2.7","at":"2026-11-21T09:30:00.125Z","by":"ada","count":7,\
                "error":null,"id":"1","outcome":"done","queue":"mail","reason":null,"role":"admin",\
                "target":"state=dead","via":"web"}
                """)
    }
}
