// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import SpanQueue
import Testing

@testable import SpanQueueHandlers

@Suite("A program whose attempt is over before it")
struct ExecCancellationTests {
    private let mark = "/tmp/spanq-test-\(UUID().uuidString)"

    /// Not forever: where a test fails, nothing of it may stay.
    private let loop = "i=0; while [ $i -lt 400 ]; do sleep 0.05; i=$((i+1)); done"

    /// Runs `script`, waits until it has written the ids of its processes, cancels, and says how long the end took.
    private func cancel(
        _ script: String, killGrace: Duration
    ) async throws -> (error: (any Error)?, took: Duration, pids: [Int32], sample: SampleJob) {
        defer { try? FileManager.default.removeItem(atPath: mark) }
        var configuration = ExecConfiguration()
        configuration.killGrace = killGrace
        let handler = try ExecHandler(
            command: "sh -c '\(script.replacing("LOOP", with: loop).replacing("MARK", with: mark))'",
            configuration: configuration)
        let sample = SampleJob()
        let task = Task { await failure { try await handler.run(sample.payload, sample.context) } }
        #expect(await eventually { FileManager.default.fileExists(atPath: mark) })
        let start = ContinuousClock.now
        task.cancel()
        let error = await task.value
        let took = ContinuousClock.now - start
        let pids = try String(contentsOfFile: mark, encoding: .utf8).split(separator: "\n").compactMap { Int32($0) }
        return (error, took, pids, sample)
    }

    @Test("gets SIGTERM and is over at once", .timeLimit(.minutes(1)))
    func prompt() async throws {
        let end = try await cancel("echo $$ > MARK.t; mv MARK.t MARK; exec sleep 60", killGrace: .seconds(30))
        #expect(end.error is CancellationError)
        #expect(end.took < .seconds(15))
        #expect(end.pids.allSatisfy(isGone))
    }

    @Test("is killed after the grace period when it does not heed SIGTERM", .timeLimit(.minutes(1)))
    func stubborn() async throws {
        let end = try await cancel(
            "trap \"\" TERM; echo $$ > MARK.t; mv MARK.t MARK; LOOP",
            killGrace: .milliseconds(300))
        #expect(end.error is CancellationError)
        #expect(end.took >= .milliseconds(300) && end.took < .seconds(15))
        #expect(end.pids.allSatisfy(isGone))
    }

    @Test("is ended with its children, those too that do not heed SIGTERM when it does", .timeLimit(.minutes(1)))
    func group() async throws {
        let child = "(trap \"\" TERM; LOOP) &"
        let end = try await cancel(
            "\(child) echo $! > MARK.t; echo $$ >> MARK.t; mv MARK.t MARK; wait", killGrace: .milliseconds(300))
        #expect(end.error is CancellationError)
        #expect(end.pids.count == 2)
        #expect(await eventually { end.pids.allSatisfy(isGone) })
    }

    @Test("is ended with a child that has closed its outputs", .timeLimit(.minutes(1)))
    func quietChild() async throws {
        let child = "(trap \"\" TERM; exec >/dev/null 2>&1; LOOP) &"
        let end = try await cancel(
            "\(child) echo $! > MARK.t; echo $$ >> MARK.t; sleep 0.2; mv MARK.t MARK; wait", killGrace: .seconds(30))
        #expect(end.took < .seconds(15))
        #expect(await eventually { end.pids.allSatisfy(isGone) })
    }

    @Test("gives a child the whole grace period to end well, though it ended itself", .timeLimit(.minutes(1)))
    func gracefulChild() async throws {
        let child = "(trap \"sleep 0.6; echo $$ > MARK.done; exit 0\" TERM; : > MARK.set; LOOP) &"
        // Not before the child's trap is set.
        let end = try await cancel(
            "\(child) echo $! > MARK.t; until [ -e MARK.set ]; do sleep 0.01; done; mv MARK.t MARK; sleep 60; :",
            killGrace: .seconds(20))
        #expect(end.took < .seconds(10))
        #expect(FileManager.default.fileExists(atPath: mark + ".done"))
        for name in [".done", ".set"] { try? FileManager.default.removeItem(atPath: mark + name) }
    }

    @Test("did not complete, also when it answers SIGTERM with exit code 0", .timeLimit(.minutes(1)))
    func politeExit() async throws {
        let end = try await cancel(
            "trap \"exit 0\" TERM; echo half; echo $$ > MARK.t; mv MARK.t MARK; LOOP",
            killGrace: .seconds(30))
        #expect(end.error is CancellationError)
        #expect(end.sample.result == nil)
    }

    @Test("is ended when it is stopped", .timeLimit(.minutes(1)))
    func stopped() async throws {
        let end = try await cancel("echo $$ > MARK.t; mv MARK.t MARK; kill -STOP $$", killGrace: .seconds(30))
        #expect(end.took < .seconds(15))
        #expect(end.pids.allSatisfy(isGone))
    }

    @Test("may be cancelled at any moment", .timeLimit(.minutes(1)))
    func anyMoment() async throws {
        let handler = try ExecHandler(command: "sleep 30")
        await withTaskGroup(of: Void.self) { group in
            for index in 0..<100 {
                group.addTask {
                    let sample = SampleJob()
                    let task = Task { await failure { try await handler.run(sample.payload, sample.context) } }
                    try? await Task.sleep(for: .microseconds(index * 100))
                    task.cancel()
                    #expect(await task.value is CancellationError)
                }
            }
        }
    }
}

@Suite("A program that someone else has reaped")
struct StolenProgramTests {
    /// Its number may be anyone's by then; here it is still that of its group, which shows whether it was signalled.
    @Test("is not signalled any more", .timeLimit(.minutes(1)))
    func notSignalled() async throws {
        let mark = "/tmp/spanq-test-\(UUID().uuidString)"
        defer { for end in ["", ".n"] { try? FileManager.default.removeItem(atPath: mark + end) } }
        // The leader ends at SIGTERM, and its child, which goes on for a minute and counts, does not.
        let child =
            "(trap \"\" TERM; i=0; while [ $i -lt 1200 ]; do sleep 0.05; i=$((i+1)); echo $i > \(mark).n; done) &"
        var configuration = ExecConfiguration()
        configuration.killGrace = .milliseconds(700)
        let handler = try ExecHandler(
            command: "sh -c '\(child) echo $$ $! > \(mark).t; sleep 0.2; mv \(mark).t \(mark); wait'",
            configuration: configuration)
        let sample = SampleJob()
        let task = Task { await failure { try await handler.run(sample.payload, sample.context) } }
        #expect(await eventually { FileManager.default.fileExists(atPath: mark) })
        let pids = try String(contentsOfFile: mark, encoding: .utf8).split(whereSeparator: \.isWhitespace)
            .compactMap { Int32($0) }
        try #require(pids.count == 2)
        defer { kill(pids[1], SIGKILL) }
        task.cancel()
        // Reaps the leader before the handler does, which leaves it a zombie for the grace period.
        #expect(await eventually { waitpid(pids[0], nil, WNOHANG) == pids[0] })
        #expect(await task.value is CancellationError)
        // A signal takes its time: that the child goes on counting shows that there was none.
        func count() -> Int {
            let text = try? String(contentsOfFile: "\(mark).n", encoding: .utf8)
            return text.flatMap { Int($0.trimmingCharacters(in: .whitespacesAndNewlines)) } ?? 0
        }
        let counted = count()
        #expect(await eventually { count() > counted + 4 })
    }
}
