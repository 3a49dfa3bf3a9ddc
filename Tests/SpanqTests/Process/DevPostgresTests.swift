// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import Testing

@Suite("spanq dev on Postgres", .serialized, .timeLimit(.minutes(4)))
struct DevPostgresTests {
    /// A directory for one test's temporary ones, which others may go through.
    private func withFolder(_ body: (String) async throws -> Void) async throws {
        let folder = "/tmp/spanq-run-" + UUID().uuidString.prefix(8)
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o755])
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try await body(folder)
    }

    private func start(
        _ arguments: [String] = [], in folder: String
    ) async throws -> (run: FaultedRun, page: [String: Any], url: String) {
        let run = try FaultedRun(
            ["dev", "--engine", "postgres", "--json", "--listen", "none"] + arguments, environment: ["TMPDIR": folder])
        try await until("its greeting") { run.output.hasSuffix("\n") || !run.isRunning }
        let page = (try? JSONSerialization.jsonObject(with: Data(run.output.utf8))) as? [String: Any] ?? [:]
        return (run, page, try #require(page["engine_url"] as? String, "\(run.errors)"))
    }

    private func isEmpty(_ folder: String) throws -> Bool {
        try FileManager.default.contentsOfDirectory(atPath: folder).isEmpty
    }

    private func completed(_ url: String) async throws -> Int {
        let stats = try await CommandRun.spanq(
            "job", "list", "--queue", "demo", "--state", "completed", environment: ["SPANQ_URL": url])
        #expect(stats.code == 0, "\(stats.errors)")
        return stats.output.split(separator: "\n").count
    }

    @Test("runs demo jobs and the pages on a server of its own, by socket and port, and leaves nothing")
    func whole() async throws {
        try await withFolder { folder in
            let (run, page, url) = try await start(in: folder)
            #expect(page["engine"] as? String == "postgres" && page["redis_url"] is NSNull)
            #expect((page["web_url"] as? String)?.hasPrefix("http://127.0.0.1:") == true)
            try await until("demo jobs") { try await completed(url) > 1 }
            let loopback = try #require(page["loopback_url"] as? String)
            let list = try await CommandRun.spanq("queue", "list", environment: ["SPANQ_URL": loopback])
            #expect(list.code == 0 && list.output.contains("demo"), "\(list.errors)")
            // The port is everybody's on this machine.
            let stranger = loopback.replacing(/:[a-z0-9]+@/, with: ":guess@")
            let refused = try await CommandRun.spanq("queue", "list", environment: ["SPANQ_URL": stranger])
            #expect(refused.code == 4 && refused.errors.contains("password"), "\(refused.errors)")
            run.signal(SIGTERM)
            #expect(try await run.ended() == 0, "\(run.errors)")
            #expect(try isEmpty(folder))
            let gone = try await CommandRun.spanq("queue", "list", environment: ["SPANQ_URL": url])
            #expect(gone.code == 4)
        }
    }

    @Test("ends its server and removes the data where it is killed, at work as well as while the cluster is made")
    func killed() async throws {
        try await withFolder { folder in
            let early = try FaultedRun(
                ["dev", "--engine", "postgres", "--listen", "none"], environment: ["TMPDIR": folder])
            try await until("a cluster to begin") {
                try FileManager.default.contentsOfDirectory(atPath: folder).contains {
                    FileManager.default.fileExists(atPath: "\(folder)/\($0)/postgres/new")
                }
            }
            early.signal(SIGKILL)
            #expect(try await early.ended() == 1000 + Int(SIGKILL))
            try await until("the directory to go") { try isEmpty(folder) }

            let (run, _, url) = try await start(in: folder)
            run.signal(SIGKILL)
            #expect(try await run.ended() == 1000 + Int(SIGKILL))
            try await until("the directory to go") { try isEmpty(folder) }
            let gone = try await CommandRun.spanq("queue", "list", environment: ["SPANQ_URL": url])
            #expect(gone.code == 4)
        }
    }

    @Test("keeps the jobs in a directory that is given, and says it where the server ends by itself")
    func kept() async throws {
        try await withFolder { folder in
            let arguments = ["--dir", folder + "/kept", "--exec", "never=true", "--queues", "other"]
            let (first, _, before) = try await start(arguments, in: folder)
            let enqueued = try await CommandRun.spanq(
                "enqueue", "a", "--id", "mine", environment: ["SPANQ_URL": before])
            #expect(enqueued.code == 0, "\(enqueued.errors)")
            first.signal(SIGINT)
            #expect(try await first.ended() == 0, "\(first.errors)")
            let (second, _, url) = try await start(arguments, in: folder)
            let shown = try await CommandRun.spanq("job", "show", "mine", "--json", environment: ["SPANQ_URL": url])
            #expect(shown.object["state"] as? String == "ready", "\(shown.errors)")
            // What is kept is on the disk: nothing of it is switched off.
            let doctor = try await CommandRun.spanq("pg", "doctor", "--json", environment: ["SPANQ_URL": url])
            #expect((doctor.object["findings"] as? [String])?.isEmpty == true, "\(doctor.output)")
            let lock = try String(contentsOfFile: folder + "/kept/postgres/data/postmaster.pid", encoding: .utf8)
            let server = try #require(lock.split(separator: "\n").first.flatMap { Int32($0) })
            kill(server, SIGKILL)
            #expect(try await second.ended() == 1)
            #expect(second.errors.contains("the private postgres ended by itself"), "\(second.errors)")
            #expect(second.errors.contains("kept/postgres.log"), "\(second.errors)")
        }
    }

    @Test("what is missing, or belongs to the other engine, is told in one line")
    func refused() async throws {
        for (arguments, code, words) in [
            (["--engine", "postgres", "--postgres-bin", "/nonexistent"], 1, "there is no initdb in /nonexistent"),
            (["--engine", "postgres", "--tls"], 2, "go with --engine redis"),
            (["--postgres-bin", "/usr/bin"], 2, "goes with --engine postgres"),
        ] as [([String], Int32, String)] {
            let run = try await CommandRun.spanq(["dev"] + arguments)
            #expect(run.code == code && run.errors.contains(words) && run.isOneErrorLine, "\(run.errors)")
        }
    }
}
