// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueue
import SpanQueueTesting
import Testing

@testable import SpanQueueAdmin

@Suite("Actions on many jobs", .timeLimit(.minutes(1)))
struct BulkTests {
    private let ada = Principal(name: "ada@laptop", way: .command)

    /// 30 scheduled jobs of queue mail, every third of type a, one more of another queue.
    private func filled(_ clock: ManualClock) async throws -> JobQueue {
        let queue = try JobQueue.testing(clock: clock)
        for number in 0..<30 {
            _ = try await queue.enqueue(
                type: number % 3 == 0 ? "a" : "b", payload: [], .id(try JobID("job-\(number)")), .queue("mail"),
                .delay(.seconds(60)))
        }
        _ = try await queue.enqueue(type: "a", payload: [], .id("other"), .queue("other"), .delay(.seconds(60)))
        return queue
    }

    private func count(_ queue: JobQueue, _ state: JobState, _ name: String = "mail") async throws -> Int {
        try #require(try await queue.counts(of: [name]).first)[state]
    }

    @Test(
        "a preview counts, splits and shows some, and changes nothing; what it showed is then done, and what came later is not"
    )
    func previewAndDeed() async throws {
        let clock = ManualClock()
        let queue = try await filled(clock)
        let admin = Admin(queue)
        let order = try await admin.order(.cancel(reason: "why"), JobFilter(queue: "mail", type: "a"))
        let preview = try await admin.preview(order)
        #expect(preview.count == 10 && preview.isExact && preview.examples.count == 10 && preview.scanned == 30)
        #expect(preview.byState == [.scheduled: 10] && preview.byType == ["a": 10])
        #expect(try await count(queue, .scheduled) == 30)
        clock.advance(by: .seconds(1))
        _ = try await queue.enqueue(type: "a", payload: [], .id("late"), .queue("mail"))
        // Something happens to one of them: it is another job than the one that was shown.
        try await queue.redrive("job-0")
        let progress = BulkProgress()
        guard case .bulk(let view) = try await admin.run(.bulk(order), as: ada, progress: progress) else {
            throw SpanQueueError(.engine, "no counts")
        }
        #expect(view.done == 9 && view.moved == 0 && view.missing == 0 && progress.counts.done == 9)
        #expect(try await count(queue, .cancelled) == 9)
        #expect(try await queue.job("late")?.state == .ready)
        #expect(try await queue.job("job-0")?.state == .ready)
        #expect(try await queue.job("other")?.state == .scheduled)
        let event = try #require(JobView(try await admin.record("job-3")).events.last)
        #expect(event.by == "ada@laptop" && event.reason == "why")
    }

    @Test("where nothing but queue and state is asked, the count is that of the queue")
    func all() async throws {
        let queue = try await filled(ManualClock())
        let admin = Admin(queue)
        let preview = try await admin.preview(admin.order(.remove, JobFilter(queue: "mail", state: .scheduled)))
        #expect(preview.count == 30 && preview.isExact && preview.examples.count == 10)
        let everywhere = try await admin.preview(admin.order(.bury(reason: "x"), JobFilter(state: .scheduled)))
        #expect(everywhere.count == 31 && everywhere.byState == [.scheduled: 31])
    }

    @Test("each action is done to jobs of the states that allow it, and to no other")
    func states() async throws {
        let queue = try await filled(ManualClock())
        let admin = Admin(queue)
        for (action, state) in [
            (JobAction.redrive, JobState.completed), (.redrive, .ready), (.redrive, .cancelled), (.remove, .active),
            (.bury(reason: ""), .dead), (.bury(reason: ""), .active), (.cancel(reason: ""), .dead),
            (.cancel(reason: ""), .completed),
        ] {
            await #expect(throws: SpanQueueError.self) {
                try await admin.order(action, JobFilter(queue: "mail", state: state))
            }
        }
        await #expect(throws: SpanQueueError.self) { try await admin.order(.remove, JobFilter()) }
        await #expect(throws: SpanQueueError.self) { try await admin.order(.remove, JobFilter(queue: "mial")) }
        for (action, from, to) in [
            (JobAction.bury(reason: "x"), JobState.scheduled, JobState.dead), (.redrive, .dead, .ready),
            (.cancel(reason: ""), .ready, .cancelled),
        ] {
            let order = try await admin.order(action, JobFilter(queue: "mail"))
            #expect(try await count(queue, from) == 30)
            _ = try await admin.run(.bulk(order), as: ada)
            #expect(try await count(queue, to) == 30, "\(action)")
        }
        _ = try await admin.run(.bulk(admin.order(.remove, JobFilter(queue: "mail"))), as: ada)
        #expect(try await count(queue, .cancelled) == 0)
        #expect(try await count(queue, .scheduled, "other") == 1)
    }

    @Test("the desk begins what a token stands for, once and for whom it was given, and tells how far it has come")
    func desk() async throws {
        let queue = try await filled(ManualClock())
        let admin = Admin(queue)
        let desk = BulkDesk()
        await withTaskGroup(of: Void.self) { tasks in
            tasks.addTask { await desk.run() }
            await #expect(throws: Never.self) {
                let preview = try await desk.preview(.cancel(reason: ""), JobFilter(type: "a"), of: admin, as: ada)
                #expect(preview.count == 11)
                let token = try #require(preview.token)
                #expect(throws: SpanQueueError.self) {
                    try desk.start(token, as: Principal(name: "eve", way: .api))
                }
                let begun = try desk.start(token, as: ada)
                #expect(begun.expected == 11 && begun.by == "ada@laptop" && begun.filter == "type:a")
                #expect(throws: SpanQueueError.self) { try desk.start(token, as: ada) }
                while try desk.action(begun.id, as: ada).endedAt == nil { try await Task.sleep(for: .milliseconds(2)) }
                let ended = try desk.action(begun.id, as: ada)
                #expect(ended.state == "done" && ended.counts.done == 11 && ended.error == nil)
                #expect(throws: SpanQueueError.self) { try desk.stop(begun.id, as: ada) }
                #expect(throws: SpanQueueError.self) { try desk.action("none", as: ada) }
                #expect(desk.actions(as: ada).actions.map(\.id) == [begun.id])
            }
            tasks.cancelAll()
        }
        await #expect(throws: AdminError.self) {
            try await desk.preview(
                .redrive, JobFilter(type: "a"), of: admin,
                as: Principal(name: "bob", way: .api, scopes: [.read, .operate]))
        }
    }

    @Test("who may see some of the queues acts on jobs of these alone, and sees no action of others")
    func someQueues() async throws {
        let queue = try await filled(ManualClock())
        let desk = BulkDesk()
        let bob = Principal(name: "bob", way: .api, queues: try QueuePatterns("other"))
        let preview = try await desk.preview(.cancel(reason: ""), JobFilter(type: "a"), of: Admin(queue), as: bob)
        #expect(preview.count == 1 && preview.examples.map(\.queue) == ["other"])
        await #expect(throws: SpanQueueError.self) {
            try await desk.preview(.cancel(reason: ""), JobFilter(queue: "mail"), of: Admin(queue), as: bob)
        }
        let all = try await desk.preview(.cancel(reason: ""), JobFilter(type: "a"), of: Admin(queue), as: ada)
        let begun = try desk.start(try #require(all.token), as: ada)
        #expect(desk.actions(as: bob).actions.isEmpty)
        #expect(throws: SpanQueueError.self) { try desk.action(begun.id, as: bob) }
        #expect(throws: SpanQueueError.self) { try desk.stop(begun.id, as: bob) }
        let own = try desk.start(try #require(preview.token), as: bob)
        #expect(desk.actions(as: bob).actions.map(\.id) == [own.id])
        await withTaskGroup(of: Void.self) { tasks in
            tasks.addTask { await desk.run() }
            await #expect(throws: Never.self) {
                while try desk.action(own.id, as: bob).endedAt == nil { try await Task.sleep(for: .milliseconds(2)) }
                #expect(try desk.action(own.id, as: bob).counts.done <= 1)
            }
            tasks.cancelAll()
        }
    }

    @Test("what is stopped does no further step, and says so; four are under way at most")
    func stopped() async throws {
        let queue = try await filled(ManualClock())
        let admin = Admin(queue)
        let desk = BulkDesk()
        func start() async throws -> BulkActionView {
            let token = try await desk.preview(.cancel(reason: ""), JobFilter(queue: "mail"), of: admin, as: ada).token
            return try desk.start(try #require(token), as: ada)
        }
        // Nobody works on them yet.
        var ids: [String] = []
        for _ in 0..<BulkDesk.mostRunning { ids.append(try await start().id) }
        await #expect(throws: SpanQueueError.self) { try await start() }
        for id in ids { #expect(try desk.stop(id, as: ada).state == "stopping") }
        await withTaskGroup(of: Void.self) { tasks in
            tasks.addTask { await desk.run() }
            await #expect(throws: Never.self) {
                for id in ids {
                    while try desk.action(id, as: ada).endedAt == nil { try await Task.sleep(for: .milliseconds(2)) }
                    #expect(try desk.action(id, as: ada).state == "stopped")
                }
            }
            tasks.cancelAll()
        }
        #expect(try await count(queue, .scheduled) == 30)
    }
}
