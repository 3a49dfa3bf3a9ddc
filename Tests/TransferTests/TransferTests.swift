// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import SpanQueue
import SpanQueueAdmin
import Synchronization
import Testing

@Suite("Jobs that go from one store to another", .serialized, .timeLimit(.minutes(5)))
struct TransferTests {
    /// How often, and where, transfers are killed: `SPANQ_TEST_TRANSFER_KILLS=1` before each step, else before some of them.
    private static let everyStep = ProcessInfo.processInfo.environment["SPANQ_TEST_TRANSFER_KILLS"] == "1"

    struct Killed: Error {}

    /// Counts steps, and does something at each.
    final class Steps: Sendable {
        private let count = Mutex(0)
        private let at: @Sendable (Int) async throws -> Void

        init(_ at: @escaping @Sendable (Int) async throws -> Void = { _ in }) {
            self.at = at
        }

        var total: Int { count.withLock { $0 } }

        func next() async throws {
            let number = count.withLock { count in
                count += 1
                return count
            }
            try await at(number)
        }
    }

    @Test(
        "jobs in every state are there as they were here, in their order, with their locks, errors and results",
        arguments: Way.allCases)
    func everyState(way: Way) async throws {
        try await Store.with(way) { from, to in
            try await from.fill()
            let before = try await from.records()
            let ready = before[.ready]?.map(\.id.description)
            #expect(ready == Store.readyOrder)
            let report = try await QueueTransfer(from, to).run(patience: .zero)
            let after = try await to.records()
            for state in JobState.known { #expect(after[state] == before[state], "\(state)") }
            #expect(report.moved == before.mapValues(\.count))
            #expect(report.skipped == 0 && report.left == 0 && !report.isSourcePaused && !report.isTargetPaused)
            #expect(try await from.records().isEmpty)
            try await from.expectClean()
            try await to.expectClean()

            // What was found there is found here.
            let query = SearchRequest(queue: to.queue, state: .dead, query: JobQuery(fingerprint: 0xFEED))
            #expect(try await to.engine.search(query).jobs.count == 3)
            let tagged = SearchRequest(queue: to.queue, state: .ready, query: JobQuery(tags: ["a"]))
            #expect(try await to.engine.search(tagged).jobs.map(\.id) == ["middle"])
            #expect(try await to.engine.errors(in: to.queue) == from.engine.errors(in: from.queue))

            // Who holds a lock keeps it, and it is free where it was, unless it is one for a time.
            for (byte, holder) in [
                (1, "retrying"), (2, "second"), (3, "timed"), (4, "held"), (5, "waits"), (6, "scheduled-1"),
                (7, "gone"),
            ] {
                let span: UniqueSpan = byte == 3 || byte == 7 ? .duration(.hours(1)) : .untilFinished
                let other = to.job(unique: Store.lock(UInt8(byte), span))
                guard case .duplicate(let owner) = try await to.engine.enqueue([other])[0] else {
                    Issue.record("the lock \(byte) is free")
                    continue
                }
                #expect(owner.id.description == holder)
            }
            let free = from.job("free", unique: Store.lock(4, .untilFinished))
            guard case .accepted = try await from.engine.enqueue([free])[0] else {
                Issue.record("the lock was left behind")
                return
            }
            #expect(try await from.engine.perform(.remove, on: "free", in: from.queue, by: nil) == .done(nil))

            // What is kept for a time of its own is kept still; and priorities are what they were.
            _ = try await to.engine.sweep(to.queue, within: .seconds(10))
            #expect(try await to.engine.job("kept", in: to.queue)?.state == .completed)
            _ = try await to.engine.enqueue([to.job("urgent", priority: 7)])
            #expect(try await to.drain() == ["high", "urgent"] + Store.readyOrder.dropFirst())
            #expect(try await to.engine.perform(.redrive, on: "dead-1", in: to.queue, by: nil) == .done(.ready))
            #expect(try await to.drain() == ["dead-1"])
            try await to.expectClean("after the jobs have run")
        }
    }

    @Test(
        "a transfer that is killed before any step is gone on with: nothing is lost, and nothing comes twice",
        arguments: [Way.redisToPostgres, .redisToRedis])
    func killed(way: Way) async throws {
        try await Store.with(way) { from, to in
            try await from.fill()
            let before = try await from.records()
            var (here, there) = (from, to)
            var kills = 0
            var number = 1
            while true {
                let (at, again) = (number, 1 + (number * 7) % 40)
                let first = Steps { if $0 == at { throw Killed() } }
                let isKilled: Bool
                do {
                    _ = try await QueueTransfer(here, there, step: first.next).run(patience: .zero)
                    isKilled = false
                } catch is Killed {
                    isKilled = true
                    kills += 1
                    // The one that goes on is killed as well.
                    let second = Steps { if $0 == again { throw Killed() } }
                    do {
                        _ = try await QueueTransfer(here, there, step: second.next).run(patience: .zero)
                    } catch is Killed { kills += 1 }
                    let report = try await QueueTransfer(here, there).run(patience: .zero)
                    #expect(report.skipped == 0 && !report.isSourcePaused && !report.isTargetPaused)
                }
                let after = try await there.records()
                #expect(after == before, "killed at \(at) and \(again)")
                #expect(try await here.records().isEmpty, "killed at \(at) and \(again)")
                try await here.expectClean("killed at \(at)")
                try await there.expectClean("killed at \(at)")
                guard isKilled else { break }
                (here, there) = (there, here)
                number += Self.everyStep ? 1 : 4
            }
            #expect(kills >= 8)
            #expect(try await there.drain() == Store.readyOrder)
        }
    }

    @Test("jobs that are added meanwhile go as well", arguments: [Way.redisToPostgres, .postgresToRedis])
    func added(way: Way) async throws {
        try await Store.with(way) { from, to in
            _ = try await from.engine.enqueue((0..<150).map { from.job("a-\($0)") })
            let added = Mutex(0)
            let steps = Steps { number in
                guard number % 2 == 0, number < 60 else { return }
                let id = added.withLock { count in
                    count += 1
                    return count
                }
                _ = try await from.engine.enqueue([from.job("b-\(id)")])
            }
            let report = try await QueueTransfer(from, to, step: steps.next).run(patience: .zero)
            let count = added.withLock { $0 }
            #expect(count > 10)
            #expect(report.total == 150 + count && report.left == 0 && !report.isUnfinished)
            #expect(try await from.records().isEmpty)
            let wanted = (0..<150).map { "a-\($0)" } + (1...count).map { "b-\($0)" }
            #expect(try await to.drain() == wanted)
            try await to.expectClean()
        }
    }

    @Test(
        "where jobs are added as fast as they go it ends, says so, and both queues go on",
        arguments: [Way.redisToPostgres, .postgresToRedis])
    func endless(way: Way) async throws {
        try await Store.with(way) { from, to in
            _ = try await from.engine.enqueue([from.job("first")])
            let steps = Steps { _ in _ = try await from.engine.enqueue([from.job()]) }
            let report = try await QueueTransfer(from, to, step: steps.next).run(patience: .zero)
            #expect(report.isUnfinished && report.left > 0 && report.skipped == 0)
            #expect(!report.isSourcePaused && !report.isTargetPaused)
            let moved = try await to.records()[.ready]?.count
            #expect(moved == report.total)
            try await from.expectClean()
            try await to.expectClean()
        }
    }

    @Test(
        "a job that comes is claimed with a higher token than all before, also where the clock there is behind",
        arguments: [Way.redisToPostgres, .postgresToRedis])
    func tokens(way: Way) async throws {
        try await Store.with(way) { from, to in
            _ = try await from.engine.enqueue([from.job("a")])
            let request = ListRequest(queue: from.queue, state: .ready, limit: 1)
            var packed = try #require(try await from.engine.packed(request, isForRemoval: false).jobs.first)
            // In the year 2255.
            packed.token = 9_000_000_000_000_000
            try await to.engine.halt(to.queue, note: OperatorNote(reason: "a job comes", by: "ada"))
            let pause = try #require(try await to.counts().pause)
            #expect(try await to.engine.adopt([packed], into: to.queue, under: pause) == [.adopted])
            _ = try await to.engine.resume(to.queue)
            let claim = ClaimRequest(queue: to.queue, limit: 1, lease: .seconds(60), worker: "w")
            let claimed = try #require(try await to.engine.claim(claim).jobs.first)
            #expect(claimed.reference.token.value > packed.token)
            try await to.settle(claimed, .complete)
        }
    }

    @Test(
        "a delayed job that has moved has its priority when it is due, and one that ended long ago is swept",
        arguments: [Way.redisToPostgres, .postgresToRedis])
    func moments(way: Way) async throws {
        try await Store.with(way) { from, to in
            _ = try await from.engine.enqueue([
                from.job("plain"), from.job("soon", priority: 8, schedule: .after(.milliseconds(700))),
                from.job("old", schedule: .after(.hours(1))),
            ])
            #expect(
                try await from.engine.perform(.cancel(reason: ""), on: "old", in: from.queue, by: nil)
                    == .done(.cancelled))
            let request = ListRequest(queue: from.queue, state: .cancelled, limit: 1)
            var old = try #require(try await from.engine.packed(request, isForRemoval: false).jobs.first)
            old.endedAt = old.enqueuedAt + .hours(-2)
            try await to.engine.halt(to.queue, note: OperatorNote(reason: "a job comes", by: "ada"))
            let pause = try #require(try await to.counts().pause)
            #expect(try await to.engine.adopt([old], into: to.queue, under: pause) == [.adopted])
            _ = try await to.engine.resume(to.queue)
            #expect(try await to.engine.sweep(to.queue, within: .seconds(10)).dropped == 1)

            _ = try await QueueTransfer(from, to).run(patience: .zero)
            let none = ClaimRequest(queue: to.queue, limit: 0, lease: .seconds(60), worker: "w")
            while try await to.engine.claim(none).promoted == 0 { try await Task.sleep(for: .milliseconds(5)) }
            #expect(try await to.drain() == ["soon", "plain"])
        }
    }

    @Test("hundreds of locks go that outlive their jobs", arguments: [Way.redisToPostgres, .postgresToRedis])
    func locks(way: Way) async throws {
        try await Store.with(way) { from, to in
            func all(_ store: Store) -> [NewJob] {
                (0..<250).map { store.job(unique: Store.lock(UInt8($0), .duration(.hours(1)))) }
            }
            _ = try await from.engine.enqueue(all(from))
            let bulk = BulkRequest(queue: from.queue, state: .ready, action: .remove)
            while try await from.engine.performAll(bulk).done > 0 {}
            let report = try await QueueTransfer(from, to).run(patience: .zero)
            #expect(report.total == 0 && report.skipped == 0)
            for outcome in try await to.engine.enqueue(all(to)) {
                guard case .duplicate = outcome else {
                    Issue.record("a lock was left behind")
                    continue
                }
            }
        }
    }

    @Test(
        "a job to which something happens between its reading and its removal is in one store, as it is by then",
        arguments: [Way.redisToPostgres, .postgresToRedis])
    func changed(way: Way) async throws {
        // Before all is read, and at each step of the first pass, until the dead ones have gone.
        for at in [4] + Array(9...28) {
            try await Store.with(way) { from, to in
                let failure = AttemptReport(errorType: "E", error: "e", fingerprint: 1)
                for id in ["dead", "twice"] {
                    try await from.settle(from.running(from.job(id)), .bury(.permanent), failure)
                }
                _ = try await from.engine.enqueue([
                    from.job("ready"), from.job("anew"), from.job("late", schedule: .after(.hours(1))),
                    from.job("other", schedule: .after(.hours(2))),
                ])
                let isAnew = Mutex(false)
                let isRemoved = Mutex(false)
                let isTwice = Mutex(false)
                let steps = Steps { number in
                    guard number == at else { return }
                    for (id, action) in [
                        ("dead", JobAction.redrive), ("ready", .cancel(reason: "no")), ("late", .redrive),
                        // It is where it was, and yet not as it was.
                        ("twice", .redrive), ("twice", .bury(reason: "no")), ("other", .remove), ("anew", .remove),
                    ] {
                        // What has gone is not there.
                        let outcome = try await from.engine.perform(
                            action, on: JobID(unchecked: id), in: from.queue, by: "ada")
                        #expect([.done(action.aim), .notFound].contains(outcome), "\(id)")
                        if id == "twice" { isTwice.withLock { $0 = outcome != .notFound } }
                        if id == "other" { isRemoved.withLock { $0 = outcome == .done(nil) } }
                        // Another job of the id, in the same state.
                        guard id == "anew", outcome != .notFound else { continue }
                        isAnew.withLock { $0 = true }
                        _ = try await from.engine.enqueue([from.job("anew", payload: [9])])
                    }
                }
                _ = try await QueueTransfer(from, to, step: steps.next).run(patience: .zero)
                _ = try await QueueTransfer(from, to).run(patience: .zero)
                #expect(try await from.records().isEmpty, "at \(at)")
                let states = try await to.records().mapValues { $0.map(\.id.description).sorted() }
                let all = states.values.flatMap { $0 }
                let ids = ["anew", "dead", "late", "ready", "twice"]
                #expect(Set(all).count == all.count && Set(all).subtracting(["other"]) == Set(ids), "at \(at)")
                let payload = try await to.engine.job("anew", in: to.queue)?.message.payload
                let latest: [UInt8] = isAnew.withLock { $0 } ? [9] : [1, 2, 3]
                #expect(payload == latest, "at \(at)")
                // What was removed is nowhere.
                let isThere = !isRemoved.withLock { $0 }
                #expect(all.contains("other") == isThere, "at \(at)")
                let twice = try await to.engine.job("twice", in: to.queue)?.run.history.count
                let events = isTwice.withLock { $0 } ? 3 : 1
                #expect(twice == events, "at \(at)")
                for id in ["dead", "ready", "late"] {
                    let record = try #require(try await to.engine.job(JobID(unchecked: id), in: to.queue))
                    let isActedOn = record.run.history.last?.by == "ada"
                    let wanted: JobState =
                        switch id {
                        case "dead": isActedOn ? .ready : .dead
                        case "ready": isActedOn ? .cancelled : .ready
                        default: isActedOn ? .ready : .scheduled
                        }
                    #expect(record.state == wanted, "\(id) at \(at)")
                }
                try await from.expectClean("at \(at)")
                try await to.expectClean("at \(at)")
            }
        }
    }

    @Test(
        "of a job that a dead transfer has left in both, the record goes on of which more is told",
        arguments: [Way.redisToPostgres, .postgresToRedis])
    func both(way: Way) async throws {
        try await Store.with(way) { from, to in
            _ = try await from.engine.enqueue([from.job("a", schedule: .after(.hours(1)))])
            // A copy is what a transfer leaves that is killed between the two steps.
            _ = try await QueueTransfer(from, to, isCopy: true).run(patience: .zero)
            #expect(try await from.engine.perform(.redrive, on: "a", in: from.queue, by: "ada") == .done(.ready))
            let newer = try await from.records()
            _ = try await QueueTransfer(from, to).run(patience: .zero)
            #expect(try await to.records() == newer)
            #expect(try await from.records().isEmpty)

            _ = try await QueueTransfer(to, from, isCopy: true).run(patience: .zero)
            #expect(try await from.counts().isPaused)
            _ = try await from.engine.resume(from.queue)
            #expect(try await from.drain() == ["a"])
            let ended = try await from.records()
            // Its old record goes to where it has run since.
            _ = try await QueueTransfer(to, from).run(patience: .zero)
            #expect(try await from.records() == ended)
            #expect(try await to.records().isEmpty)
            #expect(try await from.drain() == [])
        }
    }

    @Test(
        "a job whose id or lock another one there has stays, is counted, and does not run",
        arguments: [Way.redisToPostgres, .postgresToRedis])
    func conflict(way: Way) async throws {
        try await Store.with(way) { from, to in
            _ = try await to.engine.enqueue([
                to.job("same", payload: [7]), to.job("holder", unique: Store.lock(1, .untilFinished)),
                to.job("timed", unique: Store.lock(2, .duration(.hours(1)))),
            ])
            _ = try await from.engine.enqueue([
                from.job("same", payload: [8]), from.job("wants", unique: Store.lock(1, .untilFinished)),
                from.job("goes"), from.job("gone", unique: Store.lock(2, .duration(.hours(1)))),
            ])
            #expect(try await from.engine.perform(.remove, on: "gone", in: from.queue, by: nil) == .done(nil))
            for (store, count) in [(from, 5), (to, 3)] {
                let error = ErrorCount(fingerprint: 7, jobType: "t", errorType: "E", masked: "m", count: count)
                try await store.engine.add([error], to: store.queue, version: "1")
            }
            let there = try await to.records()[.ready] ?? []
            let report = try await QueueTransfer(from, to).run(patience: .zero)
            #expect(try await to.engine.errors(in: to.queue).map(\.count) == [3])
            #expect(report.conflicts == 1 && report.locked == 1 && report.total == 1 && report.left == 2)
            #expect(report.isSourcePaused && !report.isTargetPaused)
            #expect(try await from.records()[.ready]?.map(\.id.description) == ["same", "wants"])
            let after = try await to.records()[.ready] ?? []
            #expect(
                Array(after.prefix(3)) == there && after.map(\.id.description) == ["same", "holder", "timed", "goes"])
            let other = to.job(unique: Store.lock(2, .duration(.hours(1))))
            guard case .duplicate(let owner) = try await to.engine.enqueue([other])[0] else {
                Issue.record("the lock is free")
                return
            }
            #expect(owner.id == "timed")
            #expect(try await from.counts().pause?.note.by == QueueTransfer.actor)
            try await from.expectClean()
            try await to.expectClean()
            // Once they are gone, the others go.
            #expect(try await to.drain() == ["same", "holder", "timed", "goes"])
            #expect(try await to.engine.perform(.remove, on: "same", in: to.queue, by: nil) == .done(nil))
            let second = try await QueueTransfer(from, to).run(patience: .zero)
            #expect(second.total == 2 && second.skipped == 0 && !second.isSourcePaused)
            #expect(try await to.drain() == ["same", "wants"])
        }
    }

    @Test("two URLs of one store are noticed, and nothing is done")
    func oneStore() async throws {
        let socket = try await Store.redisSocket(0)
        let link = NSTemporaryDirectory() + "spanq-link-\(UUID().uuidString.prefix(8))"
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: socket)
        defer { try? FileManager.default.removeItem(atPath: link) }
        try await Store.with(.redisToRedis) { from, _ in
            try await from.fill()
            let before = try await from.records()
            let same = try await Store.make(.redis, 0, from.queue, url: "unix://\(link)")
            for isPausedByOthers in [false, true] {
                if isPausedByOthers {
                    _ = try await from.engine.pause(from.queue, note: OperatorNote(reason: "no", by: "ada"))
                }
                let error = await #expect(throws: SpanQueueError.self) {
                    try await QueueTransfer(from, same).run(patience: .zero)
                }
                #expect(error?.code == .invalidArgument)
                #expect(try await from.counts().isPaused == isPausedByOthers)
                #expect(try await from.records() == before)
            }
            await same.engine.shutdown()
        }
    }

    @Test(
        "it waits for jobs that run, and refuses where they do not end",
        arguments: [Way.redisToPostgres, .postgresToRedis])
    func running(way: Way) async throws {
        try await Store.with(way) { from, to in
            let claimed = try await from.running(from.job("runs"))
            _ = try await from.engine.enqueue([from.job("other")])
            let error = await #expect(throws: SpanQueueError.self) {
                try await QueueTransfer(from, to).run(patience: .zero)
            }
            #expect(error?.code == .invalidState && error?.message.contains("1 job") == true)
            #expect(try await !from.counts().isPaused)
            #expect(try await to.records().isEmpty)
            let steps = Steps { number in if number == 8 { try await from.settle(claimed, .complete) } }
            let report = try await QueueTransfer(from, to, step: steps.next).run(patience: .seconds(60))
            #expect(report.total == 2)
            #expect(try await to.records().mapValues(\.count) == [.completed: 1, .ready: 1])
        }
    }

    @Test("jobs whose worker has died are taken back, and go", arguments: [Way.redisToPostgres, .postgresToRedis])
    func died(way: Way) async throws {
        try await Store.with(way) { from, to in
            _ = try await from.engine.enqueue([from.job("left")])
            let claim = ClaimRequest(queue: from.queue, limit: 1, lease: .milliseconds(1), worker: "gone")
            #expect(try await from.engine.claim(claim).jobs.count == 1)
            let report = try await QueueTransfer(from, to).run(patience: .seconds(60))
            #expect(report.moved[.ready] == 1 && report.total == 1)
            #expect(try await to.records()[.ready]?.map(\.run.reclaims) == [1])
        }
    }

    @Test(
        "what somebody else has paused stays paused, with their words, wherever its jobs are",
        arguments: [Way.redisToPostgres, .postgresToRedis])
    func paused(way: Way) async throws {
        try await Store.with(way) { from, to in
            let note = OperatorNote(reason: "the mail server moves", by: "ada")
            _ = try await from.engine.enqueue([from.job("a")])
            _ = try await from.engine.pause(from.queue, note: note)
            let there = try await QueueTransfer(from, to).run(patience: .zero)
            #expect(there.isSourcePaused && there.isTargetPaused && there.total == 1)
            #expect(try await from.counts().pause?.note == note)
            #expect(try await to.counts().pause?.note == note)
            // Also where the queue to which they go is the paused one.
            _ = try await from.engine.pause(from.queue, note: OperatorNote(reason: "other words", by: "bob"))
            _ = try await to.engine.resume(to.queue)
            _ = try await QueueTransfer(to, from).run(patience: .zero)
            #expect(try await from.counts().pause?.note == OperatorNote(reason: "other words", by: "bob"))
            #expect(try await !to.counts().isPaused)
            #expect(try await from.records()[.ready]?.count == 1)
        }
    }

    @Test(
        "what somebody pauses meanwhile stays paused, with their words",
        arguments: [Way.redisToPostgres, .postgresToRedis])
    func pausedMeanwhile(way: Way) async throws {
        try await Store.with(way) { from, to in
            _ = try await from.engine.enqueue([from.job("a")])
            let note = OperatorNote(reason: "a look", by: "bob")
            // Right behind its own pause: then it does nothing.
            let early = Steps { if $0 == 3 { _ = try await from.engine.pause(from.queue, note: note) } }
            let error = await #expect(throws: SpanQueueError.self) {
                try await QueueTransfer(from, to, step: early.next).run(patience: .zero)
            }
            #expect(error?.code == .invalidState)
            #expect(try await from.counts().pause?.note == note)
            #expect(try await to.records().isEmpty)
            _ = try await from.engine.resume(from.queue)
            // Before a job is added there, and before it is forgotten here: then it stays, and is in no two places.
            for (at, paused) in [(11, to), (12, from)] {
                let amid = Steps { if $0 == at { _ = try await paused.engine.pause(paused.queue, note: note) } }
                let error = await #expect(throws: SpanQueueError.self) {
                    try await QueueTransfer(from, to, step: amid.next).run(patience: .zero)
                }
                #expect(error?.code == .invalidState, "at \(at)")
                #expect(try await from.records()[.ready]?.count == 1, "at \(at)")
                #expect(try await to.records().isEmpty, "at \(at)")
                for store in [from, to] { _ = try await store.engine.resume(store.queue) }
            }
            // Once, at the end of it.
            let isPaused = Mutex(false)
            let steps = Steps { _ in
                guard try await from.counts()[.ready] == 0, !isPaused.withLock({ $0 }) else { return }
                isPaused.withLock { $0 = true }
                for store in [from, to] { _ = try await store.engine.pause(store.queue, note: note) }
            }
            let report = try await QueueTransfer(from, to, step: steps.next).run(patience: .zero)
            #expect(report.total == 1 && report.isSourcePaused && report.isTargetPaused)
            #expect(try await from.counts().pause?.note == note)
            #expect(try await to.counts().pause?.note == note)
        }
    }

    @Test(
        "a copy leaves the jobs where they are, and its own ones paused",
        arguments: [Way.redisToPostgres, .postgresToRedis])
    func copy(way: Way) async throws {
        try await Store.with(way) { from, to in
            try await from.fill()
            let before = try await from.records()
            for _ in 0..<2 {
                let report = try await QueueTransfer(from, to, isCopy: true).run(patience: .zero)
                #expect(report.total == before.values.map(\.count).reduce(0, +))
                #expect(!report.isSourcePaused && report.isTargetPaused)
                #expect(try await from.records() == before)
                #expect(try await to.records() == before)
                #expect(try await to.engine.errors(in: to.queue) == from.engine.errors(in: from.queue))
            }
            #expect(try await from.drain() == Store.readyOrder)
            #expect(try await to.drain() == [])
            try await from.expectClean()
            try await to.expectClean()
        }
    }

    @Test(
        "a transfer that another one has overtaken changes nothing any more",
        arguments: [Way.redisToPostgres, .postgresToRedis])
    func overtaken(way: Way) async throws {
        for at in [3, 8, 9, 10, 11, 13, 16] {
            try await Store.with(way) { from, to in
                _ = try await from.engine.enqueue((0..<30).map { from.job("\($0)", retention: .none) })
                let steps = Steps { number in
                    guard number == at else { return }
                    // It moves all, and they run there, while the first one sleeps.
                    _ = try await QueueTransfer(from, to).run(patience: .zero)
                    let ran = try await to.drain()
                    #expect(Set(ran).count == ran.count, "at \(at)")
                    try #require(ran.count == 30)
                }
                do {
                    _ = try await QueueTransfer(from, to, step: steps.next).run(patience: .zero)
                } catch let error as SpanQueueError {
                    #expect(error.code == .invalidState, "at \(at): \(error)")
                }
                #expect(try await to.drain() == [], "at \(at)")
                #expect(try await from.records().isEmpty, "at \(at)")
                #expect(try await to.records().isEmpty, "at \(at)")
                try await from.expectClean("at \(at)")
                try await to.expectClean("at \(at)")
            }
        }
    }

    @Test(
        "a queue that is resumed in the midst of it gets nothing more, and keeps what runs here",
        arguments: [Way.redisToPostgres, .postgresToRedis])
    func resumed(way: Way) async throws {
        try await Store.with(way) { from, to in
            _ = try await from.engine.enqueue((0..<5).map { from.job("\($0)", retention: .none) })
            // Between the adoption and the removal.
            let steps = Steps { number in
                guard try await to.engine.counts(of: [to.queue])[0][.ready] == 5, number < 100 else { return }
                guard try await from.engine.resume(from.queue) else { return }
                _ = try await from.drain()
            }
            let error = await #expect(throws: SpanQueueError.self) {
                try await QueueTransfer(from, to, step: steps.next).run(patience: .zero)
            }
            #expect(error?.code == .invalidState)
            #expect(try await to.records().isEmpty)
        }
    }
}
