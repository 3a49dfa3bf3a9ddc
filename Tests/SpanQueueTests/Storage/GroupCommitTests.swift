// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueueLoop
import SpanQueueTelemetry
import Synchronization
import Testing

@testable import SpanQueue

@Suite("Group commit", .timeLimit(.minutes(1)))
struct GroupCommitTests {
    private static func job(_ number: Int, bytes: Int = 1) -> NewJob {
        NewJob(
            message: JobMessage(
                id: JobID(unchecked: "\(number)"), queue: "q", type: "t", payload: [UInt8](repeating: 0, count: bytes),
                priority: 0, maxRetries: 0, backoff: nil, timeout: nil, deadline: nil, unique: nil,
                retention: .standard, tags: [], trace: .root(), runAt: nil, enqueuedAt: Timestamp(milliseconds: 0),
                contentDigest: nil))
    }

    private static func number(_ job: NewJob) -> Int64 { Int64(job.message.id.description) ?? -1 }

    private static func accepted(_ job: NewJob) -> EnqueueOutcome {
        .accepted(enqueuedAt: Timestamp(milliseconds: number(job)), runAt: nil, isRepeat: false)
    }

    /// What tasks count together.
    private final class Shared<Value: Sendable>: Sendable {
        private let value: Mutex<Value>

        init(_ value: Value) { self.value = Mutex(value) }

        func withLock<Result: Sendable>(_ body: (inout Value) -> Result) -> Result {
            value.withLock { value in body(&value) }
        }
    }

    private func with(_ body: (GroupCommit) async throws -> Void) async throws {
        let loop = LoopThread(name: "test")
        defer { loop.stop() }
        try await body(GroupCommit(loop: loop, server: "Redis"))
    }

    @Test("callers that come while a commit is under way leave together, and each gets its own outcome")
    func coalesces() async throws {
        let sizes = Shared<[Int]>([])
        try await with { commits in
            await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<100 {
                    group.addTask {
                        let end = ContinuousClock.now + .seconds(30)
                        let outcome = try await commits.submit(Self.job(number), until: end) { jobs, _ in
                            sizes.withLock { $0.append(jobs.count) }
                            try await Task.sleep(for: .milliseconds(20))
                            return jobs.map(Self.accepted)
                        }
                        #expect(outcome == Self.accepted(Self.job(number)))
                    }
                }
            }
        }
        #expect(sizes.withLock { $0.reduce(0, +) } == 100)
        #expect(sizes.withLock(\.count) <= 10)
    }

    @Test("a commit that fails fails its own callers, and the next one goes on")
    func failures() async throws {
        try await with { commits in
            let commit: GroupCommit.Commit = { jobs, _ in
                if jobs.contains(where: { Self.number($0) == 13 }) { throw SpanQueueError(.outOfMemory, "full") }
                return jobs.map(Self.accepted)
            }
            await withTaskGroup(of: Void.self) { group in
                for number in 0..<50 {
                    group.addTask {
                        _ = try? await commits.submit(Self.job(number), until: .now + .seconds(30), commit)
                    }
                }
            }
            let next = try await commits.submit(Self.job(7), until: .now + .seconds(30), commit)
            #expect(next == Self.accepted(Self.job(7)))
        }
    }

    @Test("each caller ends by its own time while nothing is committed, and what it is told is true")
    func deadlines() async throws {
        let sent = Shared<Set<Int64>>([])
        let told = Shared<Set<Int64>>([])
        try await with { commits in
            await withTaskGroup(of: Void.self) { group in
                for number in 0..<2_000 {
                    group.addTask {
                        let deadline = ContinuousClock.now + .milliseconds(300 + number % 700)
                        do {
                            _ = try await commits.submit(Self.job(number), until: deadline) { jobs, deadline in
                                // An engine that is away, and fails without having sent anything.
                                try? await Task.sleep(until: deadline)
                                throw SpanQueueError(.unavailable, "away")
                            }
                            sent.withLock { _ = $0.insert(Int64(number)) }
                        } catch {
                            let error = error as? SpanQueueError
                            #expect(error?.code == .unavailable && error?.mayHaveRun == false)
                            told.withLock { _ = $0.insert(Int64(number)) }
                        }
                        // A busy machine is late, but not by one timeout after the other.
                        #expect(ContinuousClock.now < deadline + .seconds(5))
                    }
                }
            }
        }
        #expect(sent.withLock(\.isEmpty) && told.withLock(\.count) == 2_000)
    }

    @Test("who waits behind a commit that does not come to an end is told so by its own time, and never sent")
    func behindOneThatHangs() async throws {
        let sent = Shared<[Int64]>([])
        try await with { commits in
            let gate = AsyncStream<Void>.makeStream()
            let commit: GroupCommit.Commit = { jobs, _ in
                sent.withLock { $0 += jobs.map(Self.number) }
                for await _ in gate.stream { break }
                return jobs.map(Self.accepted)
            }
            let first = Task { try await commits.submit(Self.job(0), until: .now + .seconds(50), commit) }
            while sent.withLock(\.isEmpty) { await Task.yield() }
            await withTaskGroup(of: Void.self) { group in
                for number in 1...50 {
                    group.addTask {
                        let error = await #expect(throws: SpanQueueError.self) {
                            try await commits.submit(
                                Self.job(number), until: .now + .milliseconds(200 + number), commit)
                        }
                        #expect(error?.code == .unavailable && error?.mayHaveRun == false)
                    }
                }
            }
            gate.continuation.finish()
            let outcome = try await first.value
            #expect(outcome == Self.accepted(Self.job(0)))
            #expect(sent.withLock { $0 } == [0])
        }
    }

    @Test("who has time left goes out again when those are over who had not")
    func again() async throws {
        // Those who were to leave together do so only on a machine that is not too busy.
        for _ in 0..<10 where try await leavesWithHastyOnes() { return }
        Issue.record("they never left together")
    }

    /// - Returns: whether hasty and patient callers were in one commit.
    private func leavesWithHastyOnes() async throws -> Bool {
        let areMixed = Shared(false)
        let hasBegun = Shared(false)
        try await with { commits in
            let gate = AsyncStream<Void>.makeStream()
            let commit: GroupCommit.Commit = { jobs, deadline in
                hasBegun.withLock { $0 = true }
                let hasty = jobs.count { Self.number($0) < 10 }
                if jobs.contains(where: { Self.number($0) == 30 }) { for await _ in gate.stream { break } }
                // As long as somebody hasty is among them, the engine is down.
                guard hasty > 0 else { return jobs.map(Self.accepted) }
                if hasty < jobs.count { areMixed.withLock { $0 = true } }
                try? await Task.sleep(until: deadline)
                throw SpanQueueError(.unavailable, "away")
            }
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { _ = try await commits.submit(Self.job(30), until: .now + .seconds(50), commit) }
                while !hasBegun.withLock({ $0 }) { await Task.yield() }
                for number in 0..<10 {
                    group.addTask {
                        await #expect(throws: SpanQueueError.self) {
                            try await commits.submit(Self.job(number), until: .now + .seconds(1), commit)
                        }
                    }
                }
                for number in 10..<30 {
                    group.addTask {
                        let outcome = try await commits.submit(Self.job(number), until: .now + .seconds(50), commit)
                        #expect(outcome == Self.accepted(Self.job(number)))
                    }
                }
                try await Task.sleep(for: .milliseconds(200))
                gate.continuation.finish()
                try await group.waitForAll()
            }
        }
        return areMixed.withLock { $0 }
    }

    @Test("too many bytes are refused at once")
    func overload() async throws {
        try await with { commits in
            let gate = AsyncStream<Void>.makeStream()
            let hasBegun = Shared(false)
            let commit: GroupCommit.Commit = { jobs, _ in
                hasBegun.withLock { $0 = true }
                if jobs.contains(where: { Self.number($0) == 0 }) { for await _ in gate.stream { break } }
                return jobs.map(Self.accepted)
            }
            let first = Task {
                try await commits.submit(Self.job(0, bytes: 60 << 20), until: .now + .seconds(50), commit)
            }
            while !hasBegun.withLock({ $0 }) { await Task.yield() }
            let error = await #expect(throws: SpanQueueError.self) {
                try await commits.submit(Self.job(1, bytes: 8 << 20), until: .now + .seconds(50), commit)
            }
            #expect(error?.code == .overloaded && error?.mayHaveRun == false)
            gate.continuation.finish()
            _ = try await first.value
        }
    }

    @Test("who is cancelled while waiting is never sent; whose commit is under way, learns how it ended")
    func cancellation() async throws {
        let sent = Shared<[Int64]>([])
        try await with { commits in
            let gate = AsyncStream<Void>.makeStream()
            let commit: GroupCommit.Commit = { jobs, _ in
                sent.withLock { $0 += jobs.map(Self.number) }
                // Not cancelled by anybody's cancellation: in a task of its own.
                await Task { for await _ in gate.stream { break } }.value
                return jobs.map(Self.accepted)
            }
            let first = Task { try await commits.submit(Self.job(0), until: .now + .seconds(50), commit) }
            while sent.withLock(\.isEmpty) { await Task.yield() }
            let second = Task { try await commits.submit(Self.job(1), until: .now + .seconds(50), commit) }
            second.cancel()
            await #expect(throws: CancellationError.self) { try await second.value }
            first.cancel()
            gate.continuation.finish()
            let outcome = try await first.value
            #expect(outcome == Self.accepted(Self.job(0)))
            #expect(sent.withLock { $0 } == [0])
        }
    }
}
