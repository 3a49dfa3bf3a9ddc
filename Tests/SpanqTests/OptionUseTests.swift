// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import ArgumentParser
import Foundation
import RedisServerFixture
import SpanQueueAdmin
import SpanQueueCommand
import SpanQueueWeb
import Testing

@testable import spanq

@Suite("What options do", .serialized, .timeLimit(.minutes(2)))
struct OptionUseTests {
    private func withRedis(_ body: (_ spanq: (String...) async throws -> CommandRun, String) async throws -> Void)
        async throws
    {
        let server = try await RedisServer.start()
        defer { server.stop() }
        let url = server.url
        try await body({ (words: String...) in try await CommandRun.spanq(words, redis: url) }, url)
    }

    /// The ids in a list of jobs.
    private static func ids(_ run: CommandRun) -> Set<String> {
        let lines = run.output.split(separator: "\n").compactMap {
            try? JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any]
        }
        return Set(lines.compactMap { $0["id"] as? String })
    }

    @Test("--at, --deadline and --retention are kept with the job")
    func enqueue() async throws {
        try await withRedis { spanq, _ in
            let done = try await spanq(
                "enqueue", "t", "--id", "late", "--at", "2100-01-01T00:00:00Z", "--deadline", "2100-01-02T00:00:00Z",
                "--retention", "3h", "--json")
            #expect(done.object["run_at"] as? String == "2100-01-01T00:00:00.000Z", "\(done.errors)")
            let job = try await spanq("job", "show", "late", "--json").object
            #expect(job["state"] as? String == "scheduled")
            #expect(job["deadline"] as? String == "2100-01-02T00:00:00.000Z")
            #expect(job["retention"] as? String == "3h")

            _ = try await spanq("enqueue", "t", "--id", "over", "--deadline", "1ms")
            _ = try await spanq("enqueue", "t", "--id", "gone", "--retention", "none")
            _ = try await spanq("worker", "--once", "--exec", "t=true")
            #expect(try await spanq("job", "show", "over", "--json").object["state"] as? String == "dead")
            #expect(try await spanq("job", "show", "gone").code == 3)
        }
    }

    @Test("--error, --fingerprint, --since and --until choose jobs, and --dry-run only counts them")
    func filters() async throws {
        try await withRedis { spanq, _ in
            for (id, type) in [("a1", "a"), ("b1", "b")] {
                _ = try await spanq("enqueue", type, "--id", id, "--max-retries", "0")
            }
            _ = try await spanq(
                "worker", "--once", "--exec", "a=sh -c 'echo no disk >&2; exit 1'",
                "--exec", "b=sh -c 'echo no net >&2; exit 1'")
            let all = Set(["a1", "b1"])
            #expect(Self.ids(try await spanq("dead", "list", "--json")) == all)
            #expect(Self.ids(try await spanq("dead", "list", "--error", "no disk", "--json")) == ["a1"])
            #expect(Self.ids(try await spanq("dead", "list", "--since", "1h", "--json")) == all)
            #expect(Self.ids(try await spanq("dead", "list", "--since", "2100-01-01T00:00:00Z", "--json")).isEmpty)
            #expect(Self.ids(try await spanq("dead", "list", "--until", "2000-01-01T00:00:00Z", "--json")).isEmpty)
            #expect(Self.ids(try await spanq("dead", "list", "--until", "2100-01-01T00:00:00Z", "--json")) == all)

            let group = try await spanq("error", "list", "--type", "b", "--json").object
            let fingerprint = try #require(group["fingerprint"] as? String)
            let found = try await spanq("job", "list", "--fingerprint", fingerprint, "--json")
            #expect(Self.ids(found) == ["b1"], "\(found.errors)")

            let preview = try await spanq(
                "job", "bulk", "redrive", "--state", "dead", "--error", "no net", "--dry-run", "--json")
            #expect(preview.code == 0 && preview.output.contains("b1") && !preview.output.contains("a1"))
            #expect(Self.ids(try await spanq("dead", "list", "--json")) == all, "nothing was done")

            let redriven = try await spanq("dead", "redrive", "--all", "--queue", "default", "--json")
            #expect(redriven.object["done"] as? Int == 2, "\(redriven.errors)")
            let deeds = try await spanq("journal", "--action", "redrive*", "--json")
            #expect(deeds.output.split(separator: "\n").count == 1, "\(deeds.output)")
            #expect(try await spanq("journal", "--action", "pause", "--json").output.isEmpty)
        }
    }

    @Test("the flags of the pages reach what is served")
    func pages() throws {
        let command = try ServeCommand.parse([
            "--web-read-only", "--web-trace-url", "https://t/{trace_id}", "--web-queue-url", "https://g/?q={queue}",
            "--web-user-header", "X-User", "--web-groups-header", "X-Groups", "--web-trusted-proxy", "10.0.0.0/8",
        ])
        var reader = try command.global.reader(command.web.flags, lists: command.web.lists)
        let access = try reader.web().access
        #expect(access.isReadOnly && access.userHeader == "X-User" && access.groupsHeader == "X-Groups")
        #expect(access.links.trace?.text == "https://t/{trace_id}")
        #expect(access.links.queue?.text == "https://g/?q={queue}")
    }

    @Test("worker --once says which of its queues are paused, by whom, why, and what it left")
    func pausedOnce() async throws {
        try await withRedis { spanq, _ in
            for queue in ["mail", "mail", "other"] { _ = try await spanq("enqueue", "t", "--queue", queue) }
            _ = try await spanq("queue", "pause", "mail", "--reason", "the mail server moves")
            let run = try await spanq("worker", "--once", "--exec", "t=true", "--queues", "mail,other")
            #expect(run.code == 0 && run.output == "1 completed\n", "\(run.output)\(run.errors)")
            let note = try #require(run.errors.split(separator: "\n").last.map(String.init))
            #expect(note.hasPrefix("spanq: queue mail is paused (by "), "\(note)")
            #expect(note.contains(" ago): the mail server moves; 2 ready jobs were left"), "\(note)")
            #expect(note.hasSuffix("see spanq queue resume mail"), "\(note)")
            #expect(!run.errors.contains("queue other is paused"))

            let json = try await spanq("worker", "--once", "--exec", "t=true", "--queues", "mail,other", "--json")
            #expect(json.object["paused_queues"] as? [String] == ["mail"])
            #expect(!json.errors.contains("is paused"))
            _ = try await spanq("queue", "resume", "mail")
            let open = try await spanq("worker", "--once", "--exec", "t=true", "--queues", "mail,other")
            #expect(open.output == "2 completed\n" && !open.errors.contains("paused"))
        }
    }

    @Test("the demo's report gives up after --patience")
    func patience() async throws {
        try await withRedis { spanq, url in
            _ = try await spanq("enqueue", "t", "--queue", "files")
            let process = Process()
            process.executableURL = CommandRun.executable.deletingLastPathComponent().appendingPathComponent(
                "spanq-demo")
            process.arguments = ["report", "--redis", url, "--patience", "1"]
            let errors = Pipe()
            process.standardError = errors
            try process.run()
            let text = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
            process.waitUntilExit()
            #expect(process.terminationStatus == 1 && text == "demo: not done after 1 s\n", "\(text)")
        }
    }
}
