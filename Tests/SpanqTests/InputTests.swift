// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import RedisServerFixture
import Testing

/// What a command is given: bytes are kept or refused, never changed.
@Suite("Arguments and input", .serialized, .timeLimit(.minutes(2)))
struct InputTests {
    private func withRedis(_ body: (String) async throws -> Void) async throws {
        let server = try await RedisServer.start()
        defer { server.stop() }
        try await body(server.url)
    }

    @Test("a payload that is not UTF-8 is kept as it is, in an argument as on stdin")
    func foreignPayload() async throws {
        try await withRedis { redis in
            for (id, command) in [
                ("a", #"spanq enqueue x "$(printf 'M\374ller')" --id a"#),
                ("b", #"printf 'M\374ller' | spanq enqueue x - --id b"#),
                ("c", #"spanq --json enqueue --id c x -- "$(printf 'M\374ller')""#),
            ] {
                let run = try await CommandRun.shell(command, redis: redis)
                #expect(run.code == 0, "\(run.errors)")
                let job = try await CommandRun.spanq("job", "show", id, "--json", redis: redis).object
                #expect(
                    job["payload_base64"] as? String
                        == Data([0x4D, 0xFC, 0x6C, 0x6C, 0x65, 0x72]).base64EncodedString())
            }
            let checked = try await CommandRun.shell(
                #"spanq enqueue x "$(printf '"\374"')" --check-json"#, redis: redis)
            #expect(checked.code == 2 && checked.errors.contains("bytes that are not UTF-8 at byte 2"))
        }
    }

    @Test(
        "an argument that is not UTF-8 and not a payload is refused",
        arguments: [
            "spanq enqueue \"$B\"", "spanq enqueue x --unique 10m --unique-key \"$B\"",
            "spanq enqueue x --unique-key=\"$B\"",
            "spanq enqueue x {} --tag \"$B\"", "spanq enqueue x --file \"/tmp/$B\"", "spanq enqueue --batch \"$B\"",
            "spanq enqueue x --id \"$B\"", "spanq enqueue x --queue \"$B\"", "spanq enqueue \"$B\" \"$B\"",
            "spanq job show \"$B\"", "spanq job cancel x --reason \"$B\"", "spanq job list --type \"$B\"",
            "spanq queue pause \"$B\"", "spanq queue stats \"$B\"", "spanq dead redrive \"$B\"",
            "spanq dead list --cursor \"$B\"",
            "spanq worker --exec \"*=$B\"", "spanq worker --http \"*=http://h/$B\"",
            "spanq --redis \"redis://:$B@h\" queue stats",
            "spanq queue stats --config \"$B\"", "spanq job trace x --trace-url \"http://h/{trace_id}$B\"",
            "spanq \"$B\"",
            "spanq health --url \"http://h/$B\"", "spanq enqueue x \"-$B\"", "spanq --\"$B\"", "spanq help \"$B\"",
        ])
    func foreignArgument(script: String) async throws {
        let run = try await CommandRun.shell("B=$(printf '\\374'); \(script)", redis: "redis://127.0.0.1:1")
        #expect(run.code == 2 && run.isOneErrorLine, "\(run.errors)")
        #expect(run.errors.contains("is not UTF-8"), "\(run.errors)")
    }

    @Test("a variable or file that is not UTF-8 is refused; a foreign one is taken for unset")
    func foreignVariables() async throws {
        try await withRedis { redis in
            for name in ["SPANQ_QUEUES", "SPANQ_EXEC", "SPANQ_TRACE_URL", "SPANQ_REDIS_URL", "SPANQ_ANYTHING"] {
                let run = try await CommandRun.shell(
                    "export \(name)=\"$(printf 'a\\374')\"; spanq queue stats", redis: redis)
                #expect(run.code == 2 && run.errors == "spanq: \(name) is not UTF-8: set it again, or unset it\n")
            }
            let file = try await CommandRun.shell(
                #"F=$(mktemp); printf 'exec: "*=\374"' >"$F"; spanq queue stats --config "$F"; C=$?; rm "$F"; exit $C"#,
                redis: redis)
            #expect(file.code == 2 && file.errors.contains("is not UTF-8"), "\(file.errors)")
            let telemetry = try await CommandRun.shell(
                "export OTEL_SERVICE_NAME=\"$(printf 'a\\374')\"; spanq queue stats", redis: redis)
            #expect(telemetry.code == 0 && telemetry.errors.contains("warning: OTEL_SERVICE_NAME is ignored"))
            let trace = try await CommandRun.shell(
                """
                export TRACEPARENT=00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01
                export BAGGAGE="$(printf 'a=\\374')"; spanq enqueue x --json
                """, redis: redis)
            #expect(trace.code == 0 && trace.object["trace_id"] as? String == "0af7651916cd43dd8448eb211c80319c")
        }
    }

    @Test("a variable that is passed to a program keeps its bytes")
    func passedVariable() async throws {
        try await withRedis { redis in
            let run = try await CommandRun.shell(
                """
                export LATIN="$(printf 'M\\374ller')"; spanq enqueue x --id x >/dev/null
                spanq worker --once --exec 'x=printenv LATIN' --exec-pass-env LATIN 2>/dev/null >/dev/null
                spanq job show x --json
                """, redis: redis)
            #expect(
                run.object["result_base64"] as? String == Data("M".utf8 + [0xFC] + "ller\n".utf8).base64EncodedString())
        }
    }

    @Test(
        "--check-json takes JSON alone",
        arguments: [
            #"[1,]"#, #"["",]"#, #"{"id":0,}"#, #"{"a":1,"a":2}"#, #"["\ud800"]"#, #"["\x"]"#, "{a:1}", "01", "",
            "\u{FEFF}{}",
        ])
    func checkJSON(payload: String) async throws {
        for source in [true, false] {
            let run = try await CommandRun.spanq(
                ["enqueue", "x", source ? payload : "-", "--check-json"], redis: "redis://127.0.0.1:1",
                input: source ? "" : payload)
            #expect(run.code == 2 && run.isOneErrorLine && run.errors.contains("not JSON"), "\(payload): \(run.errors)")
        }
    }

    @Test("a batch takes no id and no unique key for all of its lines")
    func batchOfOne() async throws {
        for flags in [["--id", "X"], ["--unique", "10m", "--unique-key", "k"], ["--file", "f"]] {
            let run = try await CommandRun.spanq(
                ["enqueue", "--batch", "-"] + flags, redis: "redis://127.0.0.1:1", input: "{\"type\":\"a\"}\n")
            #expect(run.code == 2 && run.isOneErrorLine && run.errors.contains("--batch has"), "\(run.errors)")
        }
    }

    @Test("a batch that comes line by line is enqueued as it comes")
    func slowBatch() async throws {
        try await withRedis { redis in
            let (input, output) = (Pipe(), Pipe())
            let process = try CommandRun.start(
                ["enqueue", "--batch", "-"], redis: redis, output: output, input: input)
            defer { process.terminate() }
            let results = LineCollector(output.fileHandleForReading)
            for number in 1...3 {
                input.fileHandleForWriting.write(Data("{\"type\":\"a\",\"id\":\"\(number)\"}\n{\"type\":".utf8))
                // Nothing more is written until the result is there.
                #expect(try await results.next() == "enqueued \(number)")
                input.fileHandleForWriting.write(Data("\"b\",\"id\":\"b\(number)\"}\n".utf8))
                #expect(try await results.next() == "enqueued b\(number)")
            }
            try input.fileHandleForWriting.close()
            process.waitUntilExit()
            #expect(process.terminationStatus == 0)
        }
    }

    @Test("a batch that is interrupted has enqueued all whole lines that it had read", arguments: [SIGINT, SIGTERM])
    func interruptedBatch(signal: Int32) async throws {
        try await withRedis { redis in
            let (input, output) = (Pipe(), Pipe())
            let process = try CommandRun.start(
                ["enqueue", "--batch", "-"], redis: redis, output: output, input: input)
            let results = LineCollector(output.fileHandleForReading)
            input.fileHandleForWriting.write(Data("{\"type\":\"a\",\"id\":\"1\"}\n{\"type\":\"b\"}".utf8))
            #expect(try await results.next() == "enqueued 1")
            kill(process.processIdentifier, signal)
            process.waitUntilExit()
            #expect(process.terminationReason == .exit && process.terminationStatus == 1)
            let list = try await CommandRun.spanq("job", "list", "--json", redis: redis)
            #expect(list.output.split(separator: "\n").count == 1)
            try input.fileHandleForWriting.close()
        }
    }

    @Test(
        "what can't be used is told for what it is",
        arguments: [
            (["job", "list", "--limit", "-1"], "--limit -1: use 0 for all, or a positive number"),
            (["enqueue", "x", "--delay", "-5s"], "delay \"-5s\" is not a duration"),
            (["enqueue", "x", "--priority", "-1"], "priority -1: use 0 to 9"),
            (["help", "nosuch"], "no command nosuch"),
            (["queue", "stats", "--redis", "unix:///" + String(repeating: "x", count: 107)], "(107 bytes)"),
            (["worker", "--print-config", "--attempt-parent", "x"], "is not a mode: use auto, parent or link"),
            (["serve", "--web", "0.0.0.0:1"], "can be reached from outside this machine"),
        ])
    func messages(arguments: [String], words: String) async throws {
        let run = try await CommandRun.spanq(arguments, redis: "redis://127.0.0.1:1")
        #expect(run.code == 2 && run.isOneErrorLine && run.errors.contains(words), "\(run.errors)")
    }

    @Test("a Redis that is not there, has no password, or no such database is told with what to set")
    func addresses() async throws {
        let away = try await CommandRun.spanq("queue", "stats", redis: "redis://127.0.0.1:1")
        #expect(away.code == 4 && away.errors.contains("start it, or set --redis or SPANQ_REDIS_URL"))
        try await withRedis { redis in
            let password = try await CommandRun.spanq(
                "queue", "stats", redis: redis.replacing("unix://", with: "unix://:pw@"))
            #expect(password.code == 4 && password.errors.contains("this Redis has no password"), "\(password.errors)")
            let database = try await CommandRun.spanq("queue", "stats", redis: redis + "?db=99")
            #expect(database.code == 4 && database.errors.contains("refuses the database"), "\(database.errors)")
        }
    }

    @Test("a pause of a queue that nobody knows says so, and a job in a paused queue says why it waits")
    func pause() async throws {
        try await withRedis { redis in
            let typo = try await CommandRun.spanq("queue", "pause", "typo", redis: redis)
            #expect(typo.code == 3 && typo.errors.contains("no queue typo"))
            #expect(try await CommandRun.spanq("queue", "list", redis: redis).output.isEmpty)
            _ = try await CommandRun.spanq("enqueue", "x", "--queue", "q", "--id", "x", redis: redis)
            #expect(try await CommandRun.spanq("queue", "pause", "q", redis: redis).code == 0)
            for command in [["show"], ["trace", "--width", "200"]] {
                let job = try await CommandRun.spanq(["job"] + command + ["x"], redis: redis)
                #expect(job.output.contains("queue q is paused") && job.output.contains("no live worker"))
            }
        }
    }

    @Test("a queue without jobs can be deleted, and one that has some is left as it is")
    func deletedQueue() async throws {
        try await withRedis { redis in
            _ = try await CommandRun.spanq("enqueue", "x", "--queue", "typo", "--id", "x", redis: redis)
            let full = try await CommandRun.spanq("queue", "delete", "typo", "--yes", redis: redis)
            #expect(full.code == 1 && full.isOneErrorLine, "\(full.errors)")
            #expect(try await CommandRun.spanq("job", "remove", "x", redis: redis).code == 0)
            #expect(try await CommandRun.spanq("queue", "delete", "typo", redis: redis).code == 2)
            let done = try await CommandRun.spanq("queue", "delete", "typo", "--yes", redis: redis)
            #expect(done.code == 0 && done.output == "queue typo deleted\n", "\(done.errors)")
            #expect(try await CommandRun.spanq("queue", "list", redis: redis).output.isEmpty)
            #expect(try await CommandRun.spanq("queue", "delete", "typo", "--yes", redis: redis).code == 3)
        }
    }

    @Test("lists say when a job was enqueued, is due and died, find tags, and begin with the newest death")
    func lists() async throws {
        try await withRedis { redis in
            let address = "ann@example.com"
            let delayed = try await CommandRun.spanq(
                "enqueue", "x", "--delay", "1h", "--tag", address, "--unique", "10m", "--timeout", "30s", "--json",
                "--id", "x",
                redis: redis)
            let due = try #require(delayed.object["run_at"] as? String)
            let shown = try await CommandRun.spanq("job", "show", "x", "--json", redis: redis).object
            let enqueued = try #require(shown["enqueued_at"] as? String)
            #expect(shown["unique"] as? String == "10m" && shown["timeout"] as? String == "30s")
            let found = try await CommandRun.spanq("job", "list", "--tag", address, redis: redis).output
            #expect(
                found.contains("ENQUEUED") && found.contains("DUE") && found.contains(due) && found.contains(enqueued))
            #expect(try await CommandRun.spanq("job", "list", "--tag", "b", redis: redis).output.isEmpty)
            for id in ["d1", "d2", "d3"] {
                let queue = id == "d2" ? "other" : "default"
                _ = try await CommandRun.spanq(
                    "enqueue", "y", "--id", id, "--queue", queue, "--max-retries", id == "d3" ? "1" : "0", redis: redis)
                _ = try await CommandRun.spanq("worker", "--once", "--exec", "y=false", "--queue", queue, redis: redis)
            }
            let dead = try await CommandRun.spanq("dead", "list", redis: redis).output.split(separator: "\n")
            #expect(dead.count == 3 && dead[0].contains("DIED") && dead[1].hasPrefix("d2") && dead[2].hasPrefix("d1"))
            let page = try await CommandRun.spanq("dead", "list", "--limit", "1", redis: redis)
            #expect(page.output.contains("d2") && page.errors.contains("raise --limit, or give --queue\n"))
            let retrying = try await CommandRun.spanq("job", "list", "--state", "retrying", redis: redis).output
            #expect(retrying.contains("ERROR") && retrying.contains("exit status 1"))
        }
    }

    @Test("live workers are listed with what they serve")
    func workers() async throws {
        try await withRedis { redis in
            let none = try await CommandRun.spanq("worker", "list", redis: redis)
            #expect(none.code == 0 && none.errors.contains("no live workers"))
            let worker = try CommandRun.start(
                ["worker", "--exec", "x=cat", "--queues", "mail:2,low", "--listen", "none"], redis: redis)
            defer { worker.terminate() }
            var listed: CommandRun
            repeat {
                try await Task.sleep(for: .milliseconds(50))
                listed = try await CommandRun.spanq("worker", "list", "--json", redis: redis)
            } while listed.output.isEmpty
            #expect(listed.object["pid"] as? Int == Int(worker.processIdentifier))
            #expect(listed.object["queues"] as? [String] == ["mail", "low"])
        }
    }

    @Test("a line that is too long ends a batch after what came before it was sent")
    func longLine() async throws {
        try await withRedis { redis in
            let run = try await CommandRun.shell(
                """
                (echo '{"type":"a","id":"1"}'; head -c 9000000 /dev/zero | tr '\\0' x) | spanq enqueue --batch -
                """, redis: redis)
            #expect(run.code == 2 && run.output == "enqueued 1\n" && run.errors.contains("line 2 is longer"))
        }
    }
}

/// Reads lines as they come.
private final class LineCollector {
    private let handle: FileHandle
    private var rest = ""

    init(_ handle: FileHandle) { self.handle = handle }

    /// The next line; the test's time limit bounds the wait.
    func next() async throws -> String? {
        while true {
            if let end = rest.firstIndex(of: "\n") {
                defer { rest = String(rest[rest.index(after: end)...]) }
                return String(rest[..<end])
            }
            let handle = handle
            let data = await withCheckedContinuation { continuation in
                DispatchQueue.global().async { continuation.resume(returning: handle.availableData) }
            }
            guard !data.isEmpty else { return nil }
            rest += String(decoding: data, as: UTF8.self)
        }
    }
}
