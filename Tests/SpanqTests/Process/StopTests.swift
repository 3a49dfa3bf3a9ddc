// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import RedisServerFixture
import Testing

@Suite("A supervisor's signals", .serialized)
struct StopTests {
    private func withServer(_ body: (String) async throws -> Void) async throws {
        let server = try await RedisServer.start()
        defer { server.stop() }
        try await body(server.url)
    }

    private static let mark = "/tmp/spanq-mark-"

    @Test("SIGHUP drains a worker as SIGTERM does: the program ends its work, and the job is done once")
    func hangup() async throws {
        try await withServer { redis in
            let mark = Self.mark + UUID().uuidString
            defer { try? FileManager.default.removeItem(atPath: mark) }
            _ = try await CommandRun.spanq("enqueue", "a", "--id", "j", redis: redis)
            let script = "sh -c 'touch \(mark); while [ -e \(mark) ]; do sleep 0.02; done'"
            let worker = try FaultedRun(["worker", "--exec", "a=\(script)", "--listen", "none"], redis: redis)
            try await until("the program to run") { FileManager.default.fileExists(atPath: mark) }
            // A terminal that closes may send several.
            for _ in 0..<3 { worker.signal(SIGHUP) }
            try await until("the drain") { worker.errors.contains("draining") }
            #expect(worker.isRunning)
            try FileManager.default.removeItem(atPath: mark)
            #expect(try await worker.ended() == 0)
            let job = try await CommandRun.spanq("job", "show", "j", "--json", redis: redis)
            #expect(job.object["state"] as? String == "completed")
            #expect((job.object["attempts"] as? [Any])?.count == 1)
        }
    }

    @Test("SIGHUP ends a server and spanq dev in good order")
    func hangupOfOthers() async throws {
        try await withServer { redis in
            let server = try FaultedRun(["serve", "--listen", "127.0.0.1:0"], redis: redis)
            try await until("the server") { server.errors.contains("address=127.0.0.1:") }
            server.signal(SIGHUP)
            #expect(try await server.ended() == 0)
        }
        let dev = try FaultedRun(["dev", "--json", "--listen", "none"])
        try await until("dev") { dev.output.contains("redis_url") }
        dev.signal(SIGHUP)
        #expect(try await dev.ended() == 0)
    }

    @Test("under nohup SIGHUP changes nothing")
    func nohup() async throws {
        try await withServer { redis in
            let worker = try FaultedRun(
                ["worker", "--exec", "a=/bin/true", "--listen", "none"], redis: redis, wrapper: ["/usr/bin/nohup"])
            try await until("the worker") { worker.errors.contains("worker started") }
            worker.signal(SIGHUP)
            _ = try await CommandRun.spanq("enqueue", "a", redis: redis)
            try await until("a job done after it") { try await count("completed", of: "default", redis) == 1 }
            worker.signal(SIGTERM)
            #expect(try await worker.ended() == 0)
            #expect(!worker.errors.contains("SIGHUP"))
        }
    }

    @Test(
        "SIGTERM to the worker and its programs at once, as systemd's control groups have it, gives the jobs back uncharged"
    )
    func controlGroup() async throws {
        try await withServer { redis in
            let mark = Self.mark + UUID().uuidString
            defer { for n in ["1", "2"] { try? FileManager.default.removeItem(atPath: mark + n) } }
            for id in ["1", "2"] { _ = try await CommandRun.spanq("enqueue", "a:\(id)", "--id", id, redis: redis) }
            // The second is a shell that says by its exit code what ended its child.
            let worker = try FaultedRun(
                [
                    "worker", "--listen", "none", "--exec",
                    "a:1=sh -c 'echo $$ > \(mark).t; mv \(mark).t \(mark)1; exec sleep 60'", "--exec",
                    "a:2=sh -c 'trap \"exit 143\" TERM; echo $$ > \(mark).u; mv \(mark).u \(mark)2; while :; do sleep 0.02; done'",
                ], redis: redis)
            try await until("both to run") {
                ["1", "2"].allSatisfy { FileManager.default.fileExists(atPath: mark + $0) }
            }
            let programs = try ["1", "2"].compactMap {
                Int32(
                    try String(contentsOfFile: mark + $0, encoding: .utf8).trimmingCharacters(
                        in: .whitespacesAndNewlines))
            }
            for program in programs { kill(program, SIGTERM) }
            worker.signal(SIGTERM)
            #expect(try await worker.ended() == 0)
            for id in ["1", "2"] {
                let job = try await CommandRun.spanq("job", "show", id, "--json", redis: redis)
                #expect(job.object["state"] as? String == "ready", "\(job.output)")
                #expect(job.object["attempt"] as? Int == 0 || job.object["last_error"] is NSNull, "\(job.output)")
            }
        }
    }

    @Test("a program that somebody ends by SIGTERM while the worker goes on has failed")
    func terminatedAlone() async throws {
        try await withServer { redis in
            _ = try await CommandRun.spanq("enqueue", "a", "--id", "j", "--max-retries", "0", redis: redis)
            // One that gives the job back never gets to the end.
            let run = try FaultedRun(["worker", "--once", "--exec", "a=sh -c 'kill -TERM $$'"], redis: redis)
            #expect(try await run.ended() == 0)
            let job = try await CommandRun.spanq("job", "show", "j", "--json", redis: redis)
            #expect(job.object["state"] as? String == "dead")
            #expect((job.object["last_error"] as? String)?.contains("SIGTERM") == true)
        }
    }

    @Test("a program dies with its worker, also by kill -9")
    func deathOfTheWorker() async throws {
        try await withServer { redis in
            let mark = Self.mark + UUID().uuidString
            defer { try? FileManager.default.removeItem(atPath: mark) }
            _ = try await CommandRun.spanq("enqueue", "a", redis: redis)
            let worker = try FaultedRun(
                [
                    "worker", "--listen", "none", "--exec",
                    "a=sh -c 'echo $$ > \(mark).t; mv \(mark).t \(mark); exec sleep 600'",
                ],
                redis: redis)
            try await until("the program") { FileManager.default.fileExists(atPath: mark) }
            let program = try #require(
                Int32(try String(contentsOfFile: mark, encoding: .utf8).trimmingCharacters(in: .whitespacesAndNewlines))
            )
            defer { kill(program, SIGKILL) }
            worker.signal(SIGKILL)
            _ = try await worker.ended()
            try await until("the program's end") { !runs(program) }
        }
    }

    @Test("a worker that is cut short takes its programs' children with it, though they heed no SIGTERM")
    func groupDiesToo() async throws {
        try await withServer { redis in
            let mark = Self.mark + UUID().uuidString
            defer { try? FileManager.default.removeItem(atPath: mark) }
            _ = try await CommandRun.spanq("enqueue", "a", redis: redis)
            let script = "trap \"\" TERM; sleep 600 & echo $! $$ > \(mark).t; mv \(mark).t \(mark); wait"
            let worker = try FaultedRun(
                [
                    // Only the second signal ends it soon.
                    "worker", "--listen", "none", "--drain-timeout", "10m", "--exec-kill-grace", "10m", "--exec",
                    "a=sh -c '\(script)'",
                ], redis: redis)
            try await until("the program") { FileManager.default.fileExists(atPath: mark) }
            let pids = try String(contentsOfFile: mark, encoding: .utf8).split(whereSeparator: \.isWhitespace)
                .compactMap { Int32($0) }
            defer { for pid in pids { kill(pid, SIGKILL) } }
            #expect(pids.count == 2)
            worker.signal(SIGTERM)
            try await until("the drain") { worker.errors.contains("draining") }
            worker.signal(SIGTERM)
            #expect(try await worker.ended() == 0)
            try await until("their end") { pids.allSatisfy { !runs($0) } }
        }
    }
}

/// Whether a process runs: it is there, and not a zombie.
func runs(_ pid: Int32) -> Bool {
    guard let stat = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8),
        let end = stat.lastIndex(of: ")")
    else { return false }
    return stat[stat.index(end, offsetBy: 2)] != "Z"
}
