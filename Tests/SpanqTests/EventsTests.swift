// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import RedisServerFixture
import SpanQueue
import SpanQueueAdmin
import SpanQueueCommand
import SpanQueueTelemetry
import Synchronization
import Testing

@testable import spanq

@Suite("Events for people")
struct EventLineTests {
    private let at = Timestamp(milliseconds: 1_800_000_000_123)

    @Test("a line has the time of day, what happened, and to which job")
    func line() {
        let job = QueueEvent.Change(kind: .retried, id: "id-1", type: "email:hi", attempt: 2, errorType: "a\u{1B}[31m")
        #expect(
            EventLine.text(JobEventView(job, in: "mail", at: at))
                == "08:00:00.123Z  retried     email:hi              id-1  mail  attempt 2  a [31m")
        let bare = QueueEvent.Change(kind: .removed, id: "id-1")
        #expect(
            EventLine.text(JobEventView(bare, in: "mail", at: at))
                == "08:00:00.123Z  removed     -                     id-1  mail")
    }

    @Test("a sum says how many were not named; there is none where all were")
    func sum() throws {
        let job = QueueEvent.Change(kind: .started, id: "a")
        let event = QueueEvent(queue: "q", at: at, counts: [.started: 3, .completed: 100], jobs: [job])
        let sum = try #require(EventSumView(event))
        #expect(EventLine.text(sum) == "08:00:00.123Z  102 more of  100 completed, 3 started  q")
        #expect(EventSumView(QueueEvent(queue: "q", at: at, all: [job])) == nil)
    }
}

@Suite("Following a job")
struct JobWatchTests {
    private let at = Timestamp(milliseconds: 1_800_000_000_123)

    private func record(_ state: JobState, attempts: Int = 0, progress: JobProgress? = nil, error: String? = nil)
        -> JobRecord
    {
        let message = JobMessage(
            id: "a", queue: "q", type: "t", payload: [], priority: 0, maxRetries: 2, backoff: nil, timeout: nil,
            deadline: nil, unique: nil, retention: .standard, tags: [], trace: .root(), runAt: nil, enqueuedAt: at,
            contentDigest: nil)
        var run = RunRecord()
        run.attempts = attempts
        run.progress = progress
        run.lastError = error
        let token = FencingToken(value: 1, nonce: 1)
        let claim =
            state == .active
            ? ActiveClaim(token: token, worker: "w-1", claimedAt: at, leaseExpiresAt: at) : nil
        return JobRecord(
            message: message, state: state, run: run, dueAt: state == .retrying ? at : nil, claim: claim,
            cancelRequest: nil)
    }

    private func text(_ lines: [JobWatch.Line]) -> [String] {
        lines.map {
            switch $0 {
            case .record(_, let text): text
            case .gone(let text): text
            }
        }
    }

    @Test("says what has changed, once, up to the end")
    func way() {
        var watch = JobWatch()
        #expect(text(watch.look(record(.ready), at: at)) == ["08:00:00.123Z  ready"])
        #expect(watch.look(record(.ready), at: at).isEmpty)
        #expect(
            text(watch.look(record(.active), at: at)) == ["08:00:00.123Z  active  attempt 1 of at most 3  on w-1"])
        #expect(
            text(watch.look(record(.active, progress: JobProgress(fraction: 0.5, note: "half")), at: at))
                == ["08:00:00.123Z  active  attempt 1 of at most 3  on w-1  50% half"])
        #expect(
            text(watch.look(record(.retrying, attempts: 1, error: "no"), at: at))
                == ["08:00:00.123Z  retrying  due at \(at)  no"])
        #expect(watch.end == nil)
        #expect(text(watch.look(record(.dead, attempts: 3, error: "no"), at: at)) == ["08:00:00.123Z  dead  no"])
        #expect(watch.end == .dead)
    }

    @Test("a job without a record of its end has ended as was heard, else in a way that is not known")
    func gone() {
        for (kind, end) in [
            (QueueEvent.Kind?.some(.completed), JobState.completed), (.cancelled, .cancelled), (.removed, .unknown),
            (nil, .unknown),
        ] {
            var watch = JobWatch()
            _ = watch.look(record(.active), at: at)
            #expect(text(watch.look(nil, after: kind, at: at)).first?.hasPrefix("its record is gone") == true)
            #expect(watch.end == end)
        }
    }
}

@Suite("The built command: what happens, as it happens", .serialized, .timeLimit(.minutes(3)))
struct EventsCommandTests {
    private final class Lines: Sendable {
        private let bytes = Mutex<[UInt8]>([])

        init(_ pipe: Pipe) {
            Thread.detachNewThread { [self] in
                while true {
                    let data = pipe.fileHandleForReading.availableData
                    guard !data.isEmpty else { return }
                    bytes.withLock { $0 += data }
                }
            }
        }

        var all: [Substring] { bytes.withLock { String(decoding: $0, as: UTF8.self) }.split(separator: "\n") }
        var objects: [[String: Any]] {
            all.map { (try? JSONSerialization.jsonObject(with: Data($0.utf8))) as? [String: Any] ?? [:] }
        }
    }

    private func eventually(_ what: String, _ isSo: () async throws -> Bool) async throws {
        let end = ContinuousClock.now + .seconds(60)
        while try await !isSo() {
            guard .now < end else { throw CommandFailure.failed("this did not come to be: \(what)") }
            try await Task.sleep(for: .milliseconds(50))
        }
    }

    @Test("events tells of jobs of the queues asked for, as lines of JSON and of text")
    func events() async throws {
        let server = try await RedisServer.start()
        defer { server.stop() }
        for queue in ["mail", "other"] {
            _ = try await CommandRun.spanq("enqueue", "t:\(queue)", "--queue", queue, redis: server.url)
        }
        let (json, text) = (Pipe(), Pipe())
        let processes = [
            try CommandRun.start(["events", "--json", "--queue", "mail"], redis: server.url, output: json),
            try CommandRun.start(["events"], redis: server.url, output: text),
        ]
        defer { for process in processes { process.terminate() } }
        let (objects, lines) = (Lines(json), Lines(text))
        // Jobs go their way until both have heard of it: a watch takes a moment to be known.
        try await eventually("both have heard") {
            for queue in ["mail", "other"] {
                _ = try await CommandRun.spanq("enqueue", "t:\(queue)", "--queue", queue, redis: server.url)
            }
            let worker = try await CommandRun.spanq(
                "worker", "--once", "--exec", "t:*=true", "--queues", "mail,other", "--listen", "none",
                redis: server.url)
            #expect(worker.code == 0, "\(worker.errors)")
            return ["started", "completed"].allSatisfy { (word: String) in
                objects.objects.contains { $0["event"] as? String == word && $0["type"] as? String == "t:mail" }
                    && lines.all.contains { $0.contains("\(word) ") && $0.contains("t:other") }
            }
        }
        #expect(objects.objects.allSatisfy { $0["queue"] as? String == "mail" && $0["at"] is String })
        #expect(lines.all.allSatisfy { $0.prefix(13).wholeMatch(of: /\d\d:\d\d:\d\d\.\d{3}Z/) != nil })
    }

    @Test("a job is followed to its end, which the exit code tells")
    func watch() async throws {
        let server = try await RedisServer.start()
        defer { server.stop() }
        for (id, program, code) in [("well", "true", Int32(0)), ("ill", "false", 1)] {
            _ = try await CommandRun.spanq(
                "enqueue", "t", "--id", id, "--max-retries", "0", redis: server.url)
            let output = Pipe()
            let process = try CommandRun.start(["job", "watch", id], redis: server.url, output: output)
            let lines = Lines(output)
            try await eventually("the first line") { lines.all.first?.contains("ready") == true }
            _ = try await CommandRun.spanq(
                "worker", "--once", "--exec", "t=\(program)", "--listen", "none", redis: server.url)
            try await eventually("the end") { !process.isRunning }
            #expect(process.terminationStatus == code)
            #expect(lines.all.last?.contains(code == 0 ? "completed" : "dead") == true)
        }
        let ended = try await CommandRun.spanq("job", "watch", "well", "--json", redis: server.url)
        #expect(ended.code == 0 && ended.object["state"] as? String == "completed")
        #expect(ended.object["payload"] == nil)
        let none = try await CommandRun.spanq("job", "watch", "none", redis: server.url)
        #expect(none.code == 3 && none.isOneErrorLine)
    }
}
