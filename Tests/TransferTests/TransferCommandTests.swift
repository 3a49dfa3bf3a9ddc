// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import Logging
import PostgresServerFixture
import RedisServerFixture
import SpanQueue
import SpanQueueRedis
import Synchronization
import Testing

@Suite("spanq transfer", .serialized, .timeLimit(.minutes(5)))
struct TransferCommandTests {
    /// Two stores of a test's own.
    private struct Servers {
        let redis: RedisServer
        let postgres: PostgresServer

        static func with(_ body: (Servers) async throws -> Void) async throws {
            let servers = Servers(redis: try await RedisServer.start(), postgres: try await PostgresServer.start())
            defer {
                servers.redis.stop()
                servers.postgres.stop()
            }
            #expect(try spanq(["pg", "migrate"], servers.postgres.url).code == 0)
            try await body(servers)
        }
    }

    private struct Run {
        let output: String
        let errors: String
        let code: Int32

        var object: [String: Any] {
            (try? JSONSerialization.jsonObject(with: Data(output.utf8))) as? [String: Any] ?? [:]
        }
    }

    private static var executable: URL {
        let own = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath()
        return own.deletingLastPathComponent().appendingPathComponent("spanq")
    }

    private static func process(_ arguments: [String], _ url: String?) -> Process {
        let process = Process()
        process.executableURL = executable
        process.arguments = arguments
        var environment = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("SPANQ_") }
        environment["SPANQ_URL"] = url
        process.environment = environment
        process.standardInput = FileHandle.nullDevice
        return process
    }

    private static func spanq(_ arguments: [String], _ url: String? = nil) throws -> Run {
        let process = process(arguments, url)
        let (stdout, stderr) = (Pipe(), Pipe())
        process.standardOutput = stdout
        process.standardError = stderr
        try process.run()
        // Small outputs: they fit the pipes' buffers.
        let output = String(decoding: stdout.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        let errors = String(decoding: stderr.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return Run(output: output, errors: errors, code: process.terminationStatus)
    }

    /// Enqueues many jobs by a file of lines.
    private static func enqueue(_ count: Int, in queue: String, _ url: String) throws {
        let file = NSTemporaryDirectory() + "spanq-lines-\(UUID().uuidString)"
        let lines = (0..<count).map {
            #"{"type":"t","id":"\#(queue)-\#($0)","queue":"\#(queue)","payload":{"n":\#($0)}}"#
        }
        try lines.joined(separator: "\n").write(toFile: file, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(atPath: file) }
        let run = try spanq(["enqueue", "--batch", file], url)
        #expect(run.code == 0, "\(run.errors)")
    }

    private static func counts(_ queue: String, _ url: String) throws -> [String: Int] {
        let run = try spanq(["queue", "stats", queue, "--json"], url)
        let queue = (run.object["queues"] as? [[String: Any]])?.first ?? [:]
        var counts: [String: Int] = [:]
        for state in ["scheduled", "ready", "active", "retrying", "completed", "dead", "cancelled"] {
            if let count = queue[state] as? Int, count > 0 { counts[state] = count }
        }
        return counts
    }

    @Test("it counts, moves and comes back by the words of the command line, and journals it on both sides")
    func words() async throws {
        try await Servers.with { servers in
            let (redis, postgres) = (servers.redis.url, servers.postgres.url)
            try Self.enqueue(120, in: "a", redis)
            try Self.enqueue(3, in: "b", redis)
            let dry = try Self.spanq(["transfer", "--from", redis, "--to", postgres, "--all", "--dry-run"])
            #expect(
                dry.output == "a: 120 ready; there already: none\nb: 3 ready; there already: none\n", "\(dry.errors)")
            #expect(try Self.counts("a", redis) == ["ready": 120])
            let there = try Self.spanq(["transfer", "--from", redis, "--to", postgres, "--all", "--wait", "1s"])
            #expect(
                there.code == 0 && there.output == "a: 120 jobs moved (120 ready)\nb: 3 jobs moved (3 ready)\n",
                "\(there.errors)")
            let back = try Self.spanq(["transfer", "--from", postgres, "--to", redis, "--queue", "a", "--json"])
            #expect(back.code == 0 && back.object["total"] as? Int == 120, "\(back.errors)")
            #expect(back.object["left"] as? Int == 0 && back.object["target_paused"] as? Bool == false)
            #expect(try Self.counts("a", redis) == ["ready": 120] && Self.counts("b", postgres) == ["ready": 3])
            for url in [redis, postgres] {
                let journal = try Self.spanq(["journal", "--action", "transfer", "--json"], url)
                #expect(journal.output.split(separator: "\n").count == 3, "\(journal.output)")
            }
            let copy = try Self.spanq(["transfer", "--from", redis, "--to", postgres, "--queue", "a", "--copy"])
            #expect(
                copy.code == 0 && copy.output.contains("a: 120 jobs copied")
                    && copy.output.contains("spanq queue resume a"))
            // What can't go is said, and is the exit code.
            try Self.enqueue(2, in: "c", redis)
            #expect(
                try Self.spanq(["enqueue", "t", "7", "--id", "c-0", "--queue", "c"], postgres).code == 0)
            let partly = try Self.spanq(["transfer", "--from", redis, "--to", postgres, "--queue", "c"])
            let words = """
                c: 1 job moved (1 ready)
                ! 1 stayed: another job there has the id
                c is paused here, with 1 job

                """
            #expect(partly.code == 1 && partly.output == words, "\(partly.output)\(partly.errors)")
        }
    }

    @Test("what can't be is one line")
    func refused() async throws {
        try await Servers.with { servers in
            let (redis, postgres) = (servers.redis.url, servers.postgres.url)
            let cases: [(arguments: [String], code: Int32, words: String)] = [
                (["--from", redis, "--to", postgres], 2, "--queue or --all"),
                (["--from", redis, "--to", postgres, "--all", "--queue", "a"], 2, "not both"),
                (["--from", redis, "--to", redis, "--all"], 2, "the same URL"),
                (["--from", redis, "--to", "mysql://u:canary@h/d", "--all"], 2, "--to: not a URL of an engine"),
                (["--from", redis, "--to", postgres, "--queue", "none"], 3, "no queue none"),
                (["--from", redis, "--to", postgres, "--queue", "none", "--dry-run"], 3, "no queue none"),
                (["--from", redis, "--to", "unix:///nowhere/redis.sock", "--all"], 4, "cannot reach"),
            ]
            for (arguments, code, words) in cases {
                let run = try Self.spanq(["transfer"] + arguments)
                #expect(run.code == code && run.errors.contains(words), "\(arguments): \(run.errors)")
                #expect(!run.errors.contains("canary"))
            }
        }
    }

    @Test("kill -9 at any moment: the next one goes on, and each job runs once")
    func killed() async throws {
        try await Servers.with { servers in
            var (from, to) = (servers.redis.url, servers.postgres.url)
            let count = 2000
            try Self.enqueue(count, in: "a", from)
            var kills = 0
            for round in 0..<2 {
                // From a start that has done nothing yet to one that is nearly through.
                for delay in [30, 90, 160, 240, 400] {
                    let process = Self.process(["transfer", "--from", from, "--to", to, "--queue", "a"], nil)
                    process.standardOutput = FileHandle.nullDevice
                    process.standardError = FileHandle.nullDevice
                    try process.run()
                    try await Task.sleep(for: .milliseconds(delay))
                    if kill(process.processIdentifier, SIGKILL) == 0 { kills += 1 }
                    process.waitUntilExit()
                }
                let run = try Self.spanq(["transfer", "--from", from, "--to", to, "--queue", "a"])
                #expect(run.code == 0, "round \(round): \(run.output)\(run.errors)")
                #expect(try Self.counts("a", from).isEmpty)
                #expect(try Self.counts("a", to) == ["ready": count], "round \(round)")
                for url in [from, to] {
                    let audit = try Self.spanq(["audit", "--queue", "a"], url)
                    #expect(audit.code == 0, "\(audit.output)")
                }
                (from, to) = (to, from)
            }
            #expect(kills > 0)
            // They are where they came from.
            let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
            let queue = try JobQueue(engine: .redis(from), logger: logger)
            let worker = try Worker(queue, WorkerConfiguration(concurrency: 50, queues: ["a": 1]), logger: logger)
            let runs = Mutex<[String: Int]>([:])
            try worker.handle("t") { _, context in runs.withLock { $0[context.id.description, default: 0] += 1 } }
            #expect(try await worker.runOnce()[.completed] == count)
            await queue.shutdown()
            #expect(runs.withLock { $0.count == count && $0.values.allSatisfy { $0 == 1 } })
        }
    }
}
