// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueue
import SpanQueueAdmin
import SpanQueueTesting
import Testing

@Suite("Operations", .timeLimit(.minutes(1)))
struct OperationTests {
    private let ada = Principal(name: "ada@laptop", way: .command)

    private func state(_ result: OperationResult) -> String? {
        if case .job(let job) = result { job.state } else { nil }
    }

    @Test("what is done to a job says who did it, in the job's own record")
    func whoActed() async throws {
        let queue = try JobQueue.testing()
        let admin = Admin(queue)
        for id: JobID in ["a", "b"] {
            _ = try await queue.enqueue(type: "t", payload: [], .id(id), .queue("mail"), .delay(.seconds(60)))
        }
        #expect(state(try await admin.run(.act(.cancel(reason: "why"), "a", queue: nil), as: ada)) == "cancelled")
        #expect(state(try await admin.run(.act(.bury(reason: "bad"), "b", queue: "mail"), as: ada)) == "dead")
        let cancelled = try #require(JobView(try await admin.record("a")).events.last)
        #expect(cancelled.event == "cancelled" && cancelled.by == "ada@laptop" && cancelled.reason == "why")
        #expect(state(try await admin.run(.act(.redrive, "b", queue: "mail"), as: ada)) == "ready")
        let events = JobView(try await admin.record("b")).events
        #expect(events.map(\.event) == ["buried", "redriven"] && events.allSatisfy { $0.by == "ada@laptop" })
        #expect(state(try await admin.run(.act(.remove, "b", queue: "mail"), as: ada)) == nil)
        await #expect(throws: SpanQueueError.self) { try await admin.record("b") }
    }

    @Test("the jobs of a queue are moved by who administers it, where the engine can give them away")
    func transfer() async throws {
        let queue = try JobQueue.testing()
        let admin = Admin(queue)
        _ = try await queue.enqueue(type: "t", payload: [], .queue("mail"))
        func transfer(as principal: Principal) async throws {
            _ = try await admin.transfer(
                "mail", to: admin, isCopy: false, patience: .zero, as: principal, progress: { _ in })
        }
        for principal in [
            Principal(name: "bob", way: .api, scopes: Role.operator.scopes),
            Principal(name: "eve", way: .api, queues: try QueuePatterns("other")),
        ] {
            let error = await #expect(throws: AdminError.self) { try await transfer(as: principal) }
            #expect(error?.code == .forbidden)
        }
        let error = await #expect(throws: SpanQueueError.self) { try await transfer(as: ada) }
        #expect(error?.code == .unsupported)
    }

    @Test("all dead letters of a queue are redriven in somebody's name, and queues are paused, emptied and deleted")
    func queues() async throws {
        let queue = try JobQueue.testing()
        let admin = Admin(queue)
        for id: JobID in ["a", "b"] {
            _ = try await queue.enqueue(type: "t", payload: [], .id(id), .queue("mail"))
            try await queue.bury(id)
        }
        guard case .count(let redriven) = try await admin.run(.redriveAll(queue: "mail"), as: ada) else {
            throw SpanQueueError(.engine, "no count")
        }
        #expect(redriven.done == 2 && redriven.skipped == 0)
        #expect(JobView(try await admin.record("a")).events.last?.by == "ada@laptop")
        _ = try await admin.run(.pause(queue: "mail", reason: "why"), as: ada)
        #expect(try await admin.queues(["mail"]).map(\.paused) == [true])
        _ = try await admin.run(.resume(queue: "mail"), as: ada)
        #expect(try await admin.queues().map(\.paused) == [false])
        guard case .count(let purged) = try await admin.run(.purge(queue: "mail", .ready), as: ada) else {
            throw SpanQueueError(.engine, "no count")
        }
        #expect(purged.done == 2)
        _ = try await admin.run(.delete(queue: "mail"), as: ada)
        #expect(try await admin.queues().isEmpty)
    }

    @Test(
        "a queue that nobody knows is not found",
        arguments: [
            Operation.pause(queue: "mial", reason: ""), .resume(queue: "mial"), .delete(queue: "mial"),
            .purge(queue: "mial", .ready), .redriveAll(queue: "mial"), .act(.redrive, "none", queue: "mial"),
        ])
    func unknown(_ operation: Operation) async throws {
        let admin = Admin(try JobQueue.testing())
        await #expect {
            try await admin.run(operation, as: ada)
        } throws: {
            ($0 as? SpanQueueError)?.code == .notFound
        }
    }

    @Test(
        "each operation needs its scope, and changes nothing without it",
        arguments: [
            (Operation.act(.cancel(reason: ""), "a", queue: nil), Scope.operate),
            (.act(.redrive, "a", queue: nil), .operate), (.act(.bury(reason: ""), "a", queue: nil), .operate),
            (.act(.remove, "a", queue: nil), .admin), (.pause(queue: "mail", reason: ""), .operate),
            (.resume(queue: "mail"), .operate), (.delete(queue: "empty"), .admin),
            (.purge(queue: "mail", .ready), .admin), (.redriveAll(queue: "mail"), .admin),
        ])
    func scopes(_ operation: Operation, _ scope: Scope) async throws {
        let queue = try JobQueue.testing(clock: ManualClock())
        let admin = Admin(queue)
        _ = try await queue.enqueue(type: "t", payload: [], .id("a"), .queue("mail"))
        _ = try await queue.enqueue(type: "t", payload: [], .id("e"), .queue("empty"))
        try await queue.remove("e")
        let before = try await AdminJSON.line(QueuesView(queues: admin.queues()))
        let others = Principal(name: "eve", way: .api, scopes: Set(Scope.allCases).subtracting([scope]))
        await #expect(throws: AdminError.self) { try await admin.run(operation, as: others) }
        #expect(try await AdminJSON.line(QueuesView(queues: admin.queues())) == before)
        _ = try await admin.run(operation, as: Principal(name: "ada", way: .api, scopes: [scope]))
    }

    @Test("a name can't forge a record: no control characters, and a bound")
    func names() {
        #expect(Principal(name: "eve\u{0}ada\n", way: .api).name == #"eve\0ada\n"#)
        #expect(Principal(name: String(repeating: "x", count: 1000), way: .api).name.count == 101)
    }
}
