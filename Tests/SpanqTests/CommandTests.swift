// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import RedisServerFixture
import SpanQueueServer
import SpanQueueTelemetry
import Testing

@testable import spanq

@Suite("The built command", .serialized)
struct CommandTests {
    private func withRedis(_ body: (String) async throws -> Void) async throws {
        let server = try await RedisServer.start()
        defer { server.stop() }
        try await body(server.url)
    }

    @Test("a job is enqueued, shown, worked off and shown again")
    func wayOfAJob() async throws {
        try await withRedis { redis in
            let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
            let enqueued = try await CommandRun.spanq(
                "enqueue", "echo:it", #"{"x":1}"#, "--tag", "a", "--json", redis: redis,
                environment: ["TRACEPARENT": parent])
            #expect(enqueued.code == 0)
            #expect(enqueued.object["state"] as? String == "ready")
            #expect(enqueued.object["trace_id"] as? String == "0af7651916cd43dd8448eb211c80319c")
            let id = try #require(enqueued.object["id"] as? String)

            let ready = try await CommandRun.spanq("job", "show", id, "--json", redis: redis)
            #expect(ready.object["state"] as? String == "ready")
            #expect(ready.object["payload"] as? String == #"{"x":1}"#)

            let worker = try await CommandRun.spanq(
                "worker", "--once", "--exec", "echo:*=cat", "--json", redis: redis)
            #expect(worker.code == 0)
            #expect(worker.object["completed"] as? Int == 1)

            let done = try await CommandRun.spanq("job", "show", id, "--json", redis: redis)
            #expect(done.object["state"] as? String == "completed")
            #expect(done.object["result"] as? String == #"{"x":1}"#)
            #expect((done.object["attempts"] as? [Any])?.count == 1)

            let stats = try await CommandRun.spanq("queue", "stats", "--json", redis: redis)
            let queue = (stats.object["queues"] as? [[String: Any]])?.first
            #expect(queue?["completed"] as? Int == 1)
            #expect(queue?["oldest_ready_age_seconds"] is NSNull)
        }
    }

    @Test("why a job does not run is said by explain, and where the job is shown")
    func explain() async throws {
        try await withRedis { redis in
            func spanq(_ words: String...) async throws -> CommandRun {
                try await CommandRun.spanq(words, redis: redis)
            }
            _ = try await spanq("enqueue", "t", "--id", "a", "--queue", "mail")
            _ = try await spanq("queue", "pause", "mail", "--reason", "deploy")
            let explained = try await spanq("job", "explain", "a", "--json")
            let codes = (explained.object["reasons"] as? [[String: Any]])?.map { $0["code"] as? String }
            #expect(explained.code == 0 && codes == ["queue_paused", "no_worker"])
            let text = try await spanq("job", "explain", "a", "--queue", "mail").output
            #expect(
                text.contains(#/^a is ready: queue mail is paused \(by .+@.+, .+ ago\): deploy\n\nREASON        WHY /#))
            #expect(text.contains("spanq queue resume mail"))
            #expect(try await spanq("queue", "explain", "mail").output.hasPrefix("mail: queue mail is paused (by "))
            let note = "ago): deploy: see spanq queue resume mail; no live worker serves queue mail"
            #expect(try await spanq("job", "show", "a").output.contains(note))
            #expect(try await spanq("job", "trace", "a", "--width", "200").output.contains(note))
            #expect(try await spanq("job", "explain", "none").code == 3)
            #expect(try await spanq("queue", "explain", "mial").code == 3)
        }
    }

    @Test(
        "what is done by hand is in the journal, with who, why and what came of it; what can't be written down is not done"
    )
    func journal() async throws {
        let server = try await RedisServer.start()
        defer { server.stop() }
        func spanq(_ words: String...) async throws -> CommandRun {
            try await CommandRun.spanq(words, redis: server.url)
        }
        _ = try await spanq("enqueue", "t", "--id", "a", "--queue", "mail")
        #expect(try await spanq("journal").errors.contains("no such actions"))
        _ = try await spanq("queue", "pause", "mail", "--reason", "deploy")
        _ = try await spanq("queue", "pause", "mial")
        _ = try await spanq("job", "remove", "a")
        let text = try await spanq("journal").output.split(separator: "\n").map(String.init)
        #expect(text.count == 4 && text[0].hasPrefix("AT ") && text[3].contains("pause") && text[3].hasSuffix("deploy"))
        let lines = try await spanq("journal", "--json", "--by", "*").output.split(separator: "\n")
        let deeds = try lines.map { line in
            try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        }
        #expect(deeds.map { $0["action"] as? String } == ["remove", "pause", "pause"])
        #expect(deeds.map { $0["outcome"] as? String } == ["done", "failed", "done"])
        #expect(deeds.allSatisfy { $0["via"] as? String == "cli" && $0["role"] is NSNull })
        #expect(try await spanq("journal", "--target", "a", "--limit", "1").output.split(separator: "\n").count == 2)
        try AuditCommandTests.redis(server, "DEL", "spanq:{@}:journal")
        try AuditCommandTests.redis(server, "SET", "spanq:{@}:journal", "not a stream")
        let refused = try await spanq("queue", "resume", "mail")
        #expect(refused.code == 1 && refused.isOneErrorLine, "\(refused.errors)")
        #expect(try await spanq("queue", "stats", "mail").output.contains("paused"))
        // Where there is no room, deeds make some.
        try AuditCommandTests.redis(server, "DEL", "spanq:{@}:journal")
        try AuditCommandTests.redis(server, "CONFIG", "SET", "maxmemory", "1")
        let full = try await spanq("queue", "resume", "mail")
        #expect(full.code == 0, "\(full.errors)")
        try AuditCommandTests.redis(server, "CONFIG", "SET", "maxmemory", "0")
        #expect(try await spanq("journal").errors.contains("no such actions"))
    }

    @Test("who follows the journal sees the latest deeds and what is done from then on, also after Redis was away")
    func followJournal() async throws {
        let server = try await RedisServer.start()
        defer { server.stop() }
        func spanq(_ words: String...) async throws -> CommandRun {
            try await CommandRun.spanq(words, redis: server.url)
        }
        _ = try await spanq("enqueue", "t", "--id", "a", "--queue", "mail")
        _ = try await spanq("queue", "pause", "mail", "--reason", "deploy")
        let lines = try FaultedRun(["journal", "--follow", "--limit", "1"], redis: server.url)
        let objects = try FaultedRun(["journal", "-f", "--json", "--action", "cancel"], redis: server.url)
        try await until("the latest deed") { lines.output.contains(": done (deploy)\n") }
        _ = try await spanq("job", "cancel", "a")
        try await until("the deed") { lines.output.contains(" cancel mail a: done\n") }
        try await until("the deed") { objects.output.contains(#""outcome":"done""#) }
        #expect(!objects.output.contains("deploy"))
        server.kill()
        try await until("that Redis is away") { lines.errors.contains("trying again") }
        try await server.restart()
        _ = try await spanq("enqueue", "t", "--id", "b", "--queue", "mail")
        _ = try await spanq("queue", "pause", "mail", "--reason", "once more")
        try await until("a deed after it") { lines.output.contains(": done (once more)\n") }
        for run in [lines, objects] {
            #expect(run.isRunning)
            run.signal(SIGINT)
            #expect(try await run.ended() == 1000 + Int(SIGINT))
        }
    }

    @Test("a token is made with its line, and without users nothing is served to others")
    func tokens() async throws {
        let made = try await CommandRun.spanq(
            "token", "make", "ada", "--role", "operator", "--queues", "mail,media-*", "--json")
        let line = try #require(made.object["line"] as? String)
        #expect(made.object["token"] as? String != nil)
        #expect(line.contains(/^ada operator mail,media-\* [0-9a-f]{64}$/))
        let text = try await CommandRun.spanq("token", "make", "ci").output
        #expect(text.contains(/^token  spanq_[A-Za-z0-9_-]{43}\nline   ci viewer \* [0-9a-f]{64}\n$/))
        for arguments in [["a b"], ["@sre"], ["ada", "--role", "root"], ["ada", "--queues", "a b"], []] {
            let refused = try await CommandRun.spanq(["token", "make"] + arguments)
            #expect(refused.code == 2 && refused.isOneErrorLine, "\(refused.errors)")
        }
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("spanq-users-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: file) }
        try Data("\(line)\n".utf8).write(to: file)
        try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: file.path)
        for arguments in [
            ["--web", "0.0.0.0:0"], ["--web-host", "queues.example"], ["--web-trusted-proxy", "10.0.0.0/8"],
            ["--web-trusted-proxy", "x"], ["--redact", "a..b"], ["--web", "unix:relative"],
            ["--web-user-header", "a b", "--web-users", file.path], ["--web-users", file.path],
            ["--web-users", "/none/users"], ["--web-frame-ancestors", "portal.example"],
            ["--web-frame-ancestors", "*"],
        ] {
            // Before Redis is asked for anything, but for the file, which is read when it is served.
            let refused = try await CommandRun.spanq(
                ["serve", "--listen", ":0", "--web", "127.0.0.1:0"] + arguments, redis: "redis://127.0.0.1:1")
            #expect(refused.code == 2 && refused.isOneErrorLine, "\(arguments): \(refused.code) \(refused.errors)")
        }
    }

    @Test("an enqueue that adds nothing prints the job that is there, alone and in a batch")
    func receiptsOfExistingJobs() async throws {
        try await withRedis { redis in
            func enqueue(_ words: String..., input: String = "") async throws -> CommandRun {
                try await CommandRun.spanq(["enqueue", "--json"] + words, redis: redis, input: input)
            }
            let first = try await enqueue("a", "--id", "s2", "--delay", "1h", "--unique", "1h", "--unique-key", "k")
                .output
            let again = try await enqueue("a", "--id", "s2")
            #expect(again.code == 0 && again.output == first)
            let duplicate = try await enqueue("b", "--unique", "1h", "--unique-key", "k")
            #expect(duplicate.output == first.replacing(#""duplicate":false"#, with: #""duplicate":true"#))
            let batch = try await enqueue("--batch", "-", input: "{\"type\":\"a\",\"id\":\"s2\"}\n")
            #expect(batch.output == first)

            _ = try await CommandRun.spanq("job", "remove", "s2", redis: redis)
            let gone = try await enqueue("b", "--unique", "1h", "--unique-key", "k").object
            #expect(gone["id"] as? String == "s2" && gone["duplicate"] as? Bool == true)
            for name in ["type", "state", "run_at", "trace_id"] { #expect(gone[name] is NSNull) }
        }
    }

    @Test("a job's trace is drawn from its record, with the ids that job show prints")
    func trace() async throws {
        try await withRedis { redis in
            _ = try await CommandRun.spanq("enqueue", "fails", "--id", "j", "--max-retries", "9", redis: redis)
            let waiting = try await CommandRun.spanq("job", "trace", "j", redis: redis)
            #expect(waiting.code == 0 && waiting.output.contains("open"))
            _ = try await CommandRun.spanq("worker", "--once", "--exec", "fails=false", redis: redis)
            _ = try await CommandRun.spanq("job", "cancel", "j", "--reason", "enough", redis: redis)

            let environment = ["SPANQ_TRACE_URL": "http://h/{trace_id}", "LC_ALL": "C"]
            let drawn = try await CommandRun.spanq(
                "job", "trace", "j", "--width", "60", redis: redis, environment: environment)
            #expect(drawn.code == 0)
            #expect(drawn.output.utf8.allSatisfy { $0 < 0x80 && $0 != 0x1B })
            for word in ["attempt 1", "retried", "retry", "cancel", "by hand", "`- enough"] {
                #expect(drawn.output.contains(word))
            }

            let shown = try await CommandRun.spanq("job", "show", "j", "--json", redis: redis).object
            let traced = try await CommandRun.spanq("job", "trace", "j", "--json", redis: redis).object
            let traceID = try #require(shown["trace_id"] as? String)
            #expect(traced["trace_id"] as? String == traceID)
            #expect(drawn.output.contains("http://h/\(traceID)\n"))
            let attempts = try #require(shown["attempts"] as? [[String: Any]]).compactMap { $0["span_id"] as? String }
            let spans = try #require(traced["spans"] as? [[String: Any]])
            let processed = spans.filter { $0["kind"] as? String == "consumer" }
            #expect(!attempts.isEmpty && processed.compactMap { $0["span_id"] as? String } == attempts)

            // Where the workers link their attempts, these have traces of their own, and the command is told so.
            for (flags, variables) in [
                (["--attempt-parent", "link"], [:]), ([], ["SPANQ_ATTEMPT_PARENT": "link"]),
            ] {
                let linked = try await CommandRun.spanq(
                    ["job", "trace", "j", "--json"] + flags, redis: redis, environment: variables
                ).object
                let attempt = try #require(linked["spans"] as? [[String: Any]]).first {
                    $0["kind"] as? String == "consumer"
                }
                let trace = try #require(attempt?["trace_id"] as? String)
                #expect(trace != traceID && processed.first?["trace_id"] as? String == traceID)
            }

            let document = try await CommandRun.spanq("job", "trace", "j", "--otlp", redis: redis)
            #expect((document.object["resourceSpans"] as? [Any])?.count == 1)
            for id in spans.compactMap({ $0["span_id"] as? String }) { #expect(document.output.contains(id)) }

            let missing = try await CommandRun.spanq("job", "trace", "nope", redis: redis)
            #expect(missing.code == 3 && missing.isOneErrorLine)
            let both = try await CommandRun.spanq("job", "trace", "j", "--json", "--otlp", redis: redis)
            #expect(both.code == 2 && both.isOneErrorLine)
        }
    }

    @Test("a batch gives one result a line, in order, and refuses bad lines alone")
    func batch() async throws {
        try await withRedis { redis in
            let lines = """
                {"type":"a","payload":{"n":1},"id":"one","delay":"1h"}
                {"type":"a!"}
                {"type":"b","payload":"text","queue":"other"}
                """
            let run = try await CommandRun.spanq("enqueue", "--batch", "-", redis: redis, input: lines)
            let results = run.output.split(separator: "\n")
            #expect(run.code == 1)
            #expect(results.count == 3)
            #expect(results.first == "enqueued one")
            #expect(results.dropFirst().first?.hasPrefix("refused line 2: job type") == true)
            let list = try await CommandRun.spanq("job", "list", "--queue", "other", "--json", redis: redis)
            #expect(list.object["payload"] as? String == "text")
        }
    }

    @Test("what must be confirmed is not done without a terminal, unless --yes is there")
    func purge() async throws {
        try await withRedis { redis in
            _ = try await CommandRun.spanq("enqueue", "a", redis: redis)
            let asked = try await CommandRun.spanq("queue", "purge", "default", redis: redis)
            #expect(asked.code == 2)
            #expect(asked.isOneErrorLine)
            let done = try await CommandRun.spanq("queue", "purge", "default", "--yes", "--json", redis: redis)
            #expect(done.object["done"] as? Int == 1)
        }
    }

    @Test("exit codes: 3 for a job that is not there, 2 for a bad flag, 4 for a Redis out of reach")
    func exitCodes() async throws {
        try await withRedis { redis in
            let missing = try await CommandRun.spanq("job", "show", "nope", redis: redis)
            #expect(missing.code == 3 && missing.isOneErrorLine)
            let queue = try await CommandRun.spanq("queue", "stats", "nope", redis: redis)
            #expect(queue.code == 3 && queue.isOneErrorLine)
        }
        let flag = try await CommandRun.spanq("worker", "--nonsense")
        #expect(flag.code == 2 && flag.isOneErrorLine)
        let handler = try await CommandRun.spanq("worker")
        #expect(handler.code == 2 && handler.isOneErrorLine)
        let away = try await CommandRun.spanq(
            "queue", "stats", "--redis-timeout", "200ms", redis: "redis://127.0.0.1:1")
        #expect(away.code == 4 && away.isOneErrorLine)
    }

    @Test("what can be said of a job without Redis is said first")
    func checkedFirst() async throws {
        for words in [["two words"], ["mail", "{}", "--queue", "no queue"], ["mail", "{}", "--priority", "17"]] {
            let run = try await CommandRun.spanq(["enqueue"] + words, redis: "redis://127.0.0.1:1")
            #expect(run.code == 2 && run.isOneErrorLine, "\(words): \(run.errors)")
        }
    }

    @Test("a Redis that refuses is not waited for by a command, and is by a worker")
    func refusedRedis() async throws {
        let clock = ContinuousClock()
        for url in ["redis://127.0.0.1:1", "unix:///nowhere/redis.sock"] {
            var run: CommandRun?
            let took = try await clock.measure {
                run = try await CommandRun.spanq("queue", "stats", "--redis-timeout", "5m", redis: url)
            }
            #expect(run?.code == 4 && run?.isOneErrorLine == true)
            #expect(run?.errors.hasPrefix("spanq: cannot reach Redis at \(url)") == true)
            #expect(took < .seconds(60))
        }
        var worker: CommandRun?
        let waited = try await clock.measure {
            worker = try await CommandRun.spanq(
                "worker", "--once", "--exec", "a=true", "--redis-timeout", "1s", redis: "redis://127.0.0.1:1")
        }
        #expect(worker?.code == 4 && waited >= .seconds(1))
    }

    @Test("an address that is taken has an exit code of its own; a host that is none is bad usage")
    func taken() async throws {
        try await withRedis { redis in
            let registry = MetricsRegistry()
            let other = MetricsServer(address: .tcp(host: "127.0.0.1", port: 0), registry: registry)
            try other.start()
            let address = "127.0.0.1:\(try #require(other.port))"
            let worker = try await CommandRun.spanq(
                "worker", "--once", "--exec", "a=true", "--listen", address, redis: redis)
            #expect(worker.code == 5 && worker.errors.hasSuffix("--listen HOST:PORT, or --listen none\n"))
            let serve = try await CommandRun.spanq("serve", redis: redis, environment: ["SPANQ_LISTEN": address])
            #expect(serve.code == 5)
            let nowhere = try await CommandRun.spanq("serve", "--listen", "nowhere.invalid:1", redis: redis)
            #expect(nowhere.code == 2)
        }
    }

    @Test("the console shows spans, and job trace prints a document, as the official definitions have them")
    func otlp() async throws {
        try await withRedis { redis in
            let run = try await CommandRun.spanq(
                "enqueue", "fails", "--id", "j", redis: redis, environment: ["OTEL_TRACES_EXPORTER": "console"])
            #expect(run.code == 0)
            let line = try #require(run.output.split(separator: "\n").first { $0.hasPrefix("{") })
            #expect(line.contains(#""name":"enqueue default""#))
            #expect(try OTLPCheck.spans(in: String(line)) == 1)
            _ = try await CommandRun.spanq("worker", "--once", "--exec", "fails=false", redis: redis)
            let document = try await CommandRun.spanq("job", "trace", "j", "--otlp", redis: redis)
            // The enqueue, a wait, an attempt, its settlement.
            #expect(try OTLPCheck.spans(in: document.output) >= 4)
        }
    }

    @Test("the password of a URL is in no output")
    func canary() async throws {
        try await withRedis { redis in
            let url = redis.replacing("unix://", with: "unix://user:canary@")
            let closed = "redis://:canary@127.0.0.1:1"
            let runs = [
                try await CommandRun.spanq("queue", "stats", redis: url),
                try await CommandRun.spanq("enqueue", "a", "--log-level", "trace", redis: url),
                try await CommandRun.spanq("job", "list", "--redis-timeout", "200ms", "--redis", closed),
                try await CommandRun.spanq("queue", "stats", closed, redis: redis),
                try await CommandRun.spanq("queue", "stats", "--redis", "http://:canary@x"),
                try await CommandRun.spanq("worker", "--print-config", "--redis", closed),
                try await CommandRun.spanq("worker", "--print-config", "--json", redis: closed),
                try await CommandRun.spanq("worker", "--http", "x:*=ftp://u:canary@h/"),
                try await CommandRun.spanq("version", closed),
            ]
            for run in runs { #expect(!(run.output + run.errors).contains("canary")) }
            #expect(runs.map(\.code) == [4, 4, 4, 2, 2, 0, 0, 2, 2])
        }
    }
}
