// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import PostgresServerFixture
import RedisServerFixture
import Testing

@Suite("The command on Postgres", .serialized, .timeLimit(.minutes(3)))
struct PostgresCommandTests {
    @Test("a job goes its way, from an empty database to its record, with SPANQ_URL alone")
    func way() async throws {
        let server = try await PostgresServer.start()
        defer { server.stop() }
        let environment = ["SPANQ_URL": server.url]
        func spanq(_ arguments: String...) async throws -> CommandRun {
            try await CommandRun.spanq(arguments, environment: environment)
        }
        let early = try await spanq("queue", "list")
        #expect(early.code == 4 && early.errors.contains("spanq pg migrate"), "\(early.errors)")
        let doctor = try await spanq("pg", "doctor")
        #expect(doctor.code == 1 && doctor.output.contains("run spanq pg migrate"), "\(doctor.output)\(doctor.errors)")
        let first = try await spanq("pg", "migrate", "--json")
        #expect(first.code == 0, "\(first.errors)")
        #expect((first.object["applied"] as? [Int])?.isEmpty == false)
        let second = try await spanq("pg", "migrate", "--json")
        #expect((second.object["applied"] as? [Int]) == [])
        #expect(second.object["migration"] as? Int == (first.object["applied"] as? [Int])?.last)

        let enqueued = try await spanq("enqueue", "email:welcome", "{\"userID\":42}", "--id", "mine", "--json")
        #expect(enqueued.code == 0, "\(enqueued.errors)")
        let list = try await spanq("queue", "list")
        #expect(list.code == 0 && list.output.contains("default"), "\(list.errors)")
        let worker = try await spanq("worker", "--once", "--exec", "email:*=/bin/cat", "--listen", "none", "--json")
        #expect(worker.code == 0, "\(worker.errors)")
        #expect(worker.object["completed"] as? Int == 1)
        let shown = try await spanq("job", "show", "mine", "--json")
        #expect(shown.object["state"] as? String == "completed", "\(shown.errors)")
        let healthy = try await spanq("pg", "doctor", "--json")
        #expect(
            healthy.object["version"] != nil
                && healthy.object["migration"] as? Int == second.object["migration"] as? Int)
        // The server of this test runs without fsync.
        #expect(healthy.code == 1)
        #expect((healthy.object["findings"] as? [String])?.contains { $0.contains("fsync") } == true)
    }

    @Test("errors by group, actions on many jobs and the audit are those of Redis")
    func many() async throws {
        let server = try await PostgresServer.start()
        defer { server.stop() }
        let environment = ["SPANQ_URL": server.url]
        func spanq(_ arguments: String...) async throws -> CommandRun {
            let run = try await CommandRun.spanq(arguments, environment: environment)
            #expect(run.code == 0, "\(arguments): \(run.errors)")
            return run
        }
        func lines(_ run: CommandRun) -> [[String: Any]] {
            run.output.split(whereSeparator: \.isNewline).compactMap {
                (try? JSONSerialization.jsonObject(with: Data($0.utf8))) as? [String: Any]
            }
        }
        _ = try await spanq("pg", "migrate")
        for _ in 0..<3 { _ = try await spanq("enqueue", "mail:a", "{}", "--max-retries", "0") }
        _ = try await spanq("enqueue", "other", "{}")
        _ = try await spanq(
            "worker", "--once", "--exec", "mail:*=/bin/false", "--exec", "other=/bin/cat", "--listen", "none")
        let groups = lines(try await spanq("error", "list", "--json"))
        let group = try #require(groups.first)
        #expect(groups.count == 1 && group["count"] as? Int == 3 && group["type"] as? String == "mail:a")
        let fingerprint = try #require(group["fingerprint"] as? String)
        #expect(lines(try await spanq("job", "list", "--fingerprint", fingerprint, "--json")).count == 3)
        let preview = try await spanq("job", "bulk", "redrive", "--fingerprint", fingerprint, "--dry-run")
        #expect(preview.output.contains("3 jobs"), "\(preview.output)")
        _ = try await spanq("job", "bulk", "redrive", "--fingerprint", fingerprint, "--yes")
        #expect(lines(try await spanq("job", "list", "--state", "ready", "--type", "mail:*", "--json")).count == 3)
        #expect(try await spanq("audit").output.hasPrefix("clean: 4 jobs of 1 queue"))

        let psql = Process()
        psql.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        psql.arguments = [
            "psql", "-q", "-h", server.directory, "-U", "spanq", "-c",
            "INSERT INTO spanq.tally (queue, r) VALUES (1, 1)",
            "postgres",
        ]
        try psql.run()
        psql.waitUntilExit()
        #expect(psql.terminationStatus == 0)
        let damaged = try await CommandRun.spanq("audit", environment: environment)
        #expect(damaged.code == 1 && damaged.output.contains("totals"), "\(damaged.output)\(damaged.errors)")
        #expect(try await spanq("audit", "--repair", "--yes").output.contains("repaired totals default"))
        let missing = try await CommandRun.spanq("audit", "--queue", "never-was", environment: environment)
        #expect(missing.code == 3)
    }

    @Test("bench measures Postgres, says what a job costs there, and leaves nothing")
    func bench() async throws {
        let server = try await PostgresServer.start()
        defer { server.stop() }
        let environment = ["SPANQ_URL": server.url]
        #expect(try await CommandRun.spanq(["pg", "migrate"], environment: environment).code == 0)
        let only = ["enqueue-one", "enqueue-bulk", "drain"]
        let words = ["bench", "--jobs", "300", "--json"] + only.flatMap { ["--only", $0] }
        let run = try await CommandRun.spanq(words, environment: environment)
        #expect(run.code == 0, "\(run.errors)")
        let lines = try run.output.split(separator: "\n").map { line in
            try #require(JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        }
        #expect(lines.map { $0["benchmark"] as? String } == only)
        for line in lines {
            #expect(line["redis_us"] is NSNull && line["redis_calls"] is NSNull)
            // Each job leaves a message, and its state, in the log that is written ahead.
            #expect((line["wal_bytes"] as? Double).map { $0 > 200 } == true, "\(line)")
            #expect((line["postgres_calls"] as? Double).map { $0 > 0 } == true, "\(line)")
        }
        // One transaction each, and one for many.
        #expect((lines[0]["postgres_calls"] as? Double).map { $0 >= 1 } == true)
        #expect((lines[1]["postgres_calls"] as? Double).map { $0 < 0.2 } == true)
        let queues = try await CommandRun.spanq(["queue", "list", "--json"], environment: environment)
        #expect(queues.code == 0 && !queues.output.contains("spanq-bench"))
        let floor = try await CommandRun.spanq(["bench", "--only", "floor-drain"], environment: environment)
        #expect(floor.code == 2 && floor.errors.contains("floor-drain"), "\(floor.errors)")
    }

    @Test("what is printed is what is applied, and a schema of another name stands beside")
    func printed() async throws {
        let server = try await PostgresServer.start()
        defer { server.stop() }
        let printed = try await CommandRun.spanq("pg", "migrate", "--print", "--postgres-schema", "jobs")
        #expect(printed.code == 0, "\(printed.errors)")
        let file = server.directory + "/schema.sql"
        try printed.output.write(toFile: file, atomically: true, encoding: .utf8)
        let psql = Process()
        psql.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        psql.arguments = [
            "psql", "-q", "-v", "ON_ERROR_STOP=1", "-o", "/dev/null", "-h", server.directory, "-U", "spanq", "-f", file,
            "postgres",
        ]
        try psql.run()
        psql.waitUntilExit()
        #expect(psql.terminationStatus == 0)
        let environment = ["SPANQ_URL": server.url, "SPANQ_POSTGRES_SCHEMA": "jobs"]
        let migrated = try await CommandRun.spanq("pg", "migrate", "--json", environment: environment)
        #expect((migrated.object["applied"] as? [Int]) == [], "\(migrated.errors)")
        #expect(try await CommandRun.spanq("enqueue", "a", "{}", environment: environment).code == 0)
        let other = try await CommandRun.spanq("enqueue", "a", "{}", environment: ["SPANQ_URL": server.url])
        #expect(other.code == 4 && other.errors.contains("spanq pg migrate"))
    }

    @Test("what chooses the engine is the nearest URL; what can't be used is one line, without the password")
    func settings() async throws {
        let redis = try await RedisServer.start()
        defer { redis.stop() }
        let away = "postgres://spanq:canary@/postgres?host=/tmp/spanq-none-\(UUID().uuidString.prefix(8))"
        let cases: [(arguments: [String], environment: [String: String], code: Int32, words: String)] = [
            (["queue", "list"], ["SPANQ_URL": redis.url], 0, ""),
            (["queue", "list", "--redis", redis.url], ["SPANQ_URL": away], 0, ""),
            (["queue", "list", "--engine-url", redis.url], ["SPANQ_REDIS_URL": "redis://127.0.0.1:1"], 0, ""),
            (["queue", "list"], ["SPANQ_URL": away], 4, "SPANQ_URL"),
            (["queue", "list", "--engine-url", away], ["SPANQ_REDIS_URL": redis.url], 4, "cannot reach Postgres"),
            (["queue", "list"], ["SPANQ_URL": away, "SPANQ_REDIS_URL": redis.url], 2, "both say where the engine is"),
            (["queue", "list"], ["SPANQ_URL": "mysql://u:canary@h/d"], 2, "SPANQ_URL: not a URL of an engine"),
            (["queue", "list"], ["SPANQ_URL": "postgres://u:canary@h/d?canary=1"], 2, "SPANQ_URL: not a Postgres URL"),
            (
                ["queue", "list"], ["SPANQ_URL": away, "SPANQ_POSTGRES_SCHEMA": "a;b"], 2,
                "is not a name for the schema"
            ),
            (["audit"], ["SPANQ_URL": away], 4, "cannot reach Postgres"),
            (["layout"], ["SPANQ_URL": away], 2, "works on Redis alone"),
            (["pg", "migrate"], ["SPANQ_URL": redis.url], 2, "where is Postgres?"),
            (["pg", "migrate"], ["SPANQ_URL": away], 4, "; Is the server running"),
        ]
        for (arguments, environment, code, words) in cases {
            let run = try await CommandRun.spanq(arguments, environment: environment)
            #expect(run.code == code, "\(arguments) \(environment): \(run.errors)")
            guard code != 0 else { continue }
            #expect(run.errors.contains(words), "\(words): \(run.errors)")
            #expect(run.isOneErrorLine, "\(run.errors)")
            #expect(!run.errors.contains("canary"), "\(run.errors)")
        }
        let page = try await CommandRun.spanq(
            "worker", "--print-config", environment: ["SPANQ_URL": "postgres://u:canary@h:1/d"])
        #expect(
            page.code == 0 && page.output.contains("postgres://u@h:1/d") && !page.output.contains("canary"),
            "\(page.errors)")
    }
}
