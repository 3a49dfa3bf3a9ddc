// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import RedisServerFixture
import Testing

@Suite("A server that is killed amid an action on many jobs", .serialized, .timeLimit(.minutes(5)))
struct KilledServerTests {
    /// `SPANQ_TEST_BULK=100000` for as many jobs.
    private static let jobs = ProcessInfo.processInfo.environment["SPANQ_TEST_BULK"].flatMap { Int($0) } ?? 10_000

    @Test("the journal has what was meant, each job is cancelled or as it was, and the rest can be done by another")
    func bulk() async throws {
        let server = try await RedisServer.start()
        defer { server.stop() }
        let redis = server.url
        // Both are long: they go through files.
        func lines(_ arguments: [String], input: String = "") async throws -> [Substring] {
            let run = try FaultedRun(arguments, redis: redis, input: input)
            #expect(try await run.ended(within: .seconds(240)) == 0, "\(run.errors)")
            return run.output.split(separator: "\n")
        }
        let job = #"{"type":"mail:welcome","queue":"mail"}"#
        let enqueued = try await lines(
            ["enqueue", "--batch", "-"], input: String(repeating: job + "\n", count: Self.jobs))
        #expect(enqueued.count == Self.jobs)

        let web = try FaultedRun(["serve", "--listen", "127.0.0.1:0", "--web", "127.0.0.1:0"], redis: redis)
        var port: String?
        try await until("the REST interface") {
            port = web.errors.firstMatch(of: /REST interface[^\n]*address=127\.0\.0\.1:(\d+)/).map { String($0.1) }
            return port != nil
        }
        let address = "http://127.0.0.1:\(try #require(port))/api/v1/bulk-actions"
        func post(_ body: String) async throws -> CommandRun {
            let json = "-H 'Content-Type: application/json'"
            return try await CommandRun.shell("curl -fsS -X POST \(json) -d '\(body)' \(address)")
        }
        let order = #""action":"cancel","reason":"no mail today","filter":{"queue":"mail","state":"ready"}"#
        let preview = try await post(#"{"dry_run":true,\#(order)}"#)
        #expect(preview.object["count"] as? Int == Self.jobs, "\(preview.output)\(preview.errors)")
        let token = try #require(preview.object["token"] as? String)
        let begun = try await post(#"{"token":"\#(token)"}"#)
        #expect(begun.object["state"] as? String == "running", "\(begun.output)\(begun.errors)")
        func count(_ state: String) async throws -> Int {
            let stats = try await CommandRun.spanq("queue", "stats", "mail", "--json", redis: redis).object
            return try #require((stats["queues"] as? [[String: Any]])?.first?[state] as? Int)
        }
        try await until("the first of them") { try await count("cancelled") > 0 }
        web.signal(SIGKILL)
        #expect(try await web.ended() == 1000 + Int(SIGKILL))

        let (done, left) = (try await count("cancelled"), try await count("ready"))
        #expect(done > 0 && left > 0 && done + left == Self.jobs, "\(done) cancelled, \(left) left")
        let journal = try await CommandRun.spanq("journal", "--json", redis: redis)
        #expect(journal.output.split(separator: "\n").count == 1, "\(journal.output)")
        let deed = journal.object
        #expect(deed["action"] as? String == "bulk_cancel" && deed["reason"] as? String == "no mail today")
        #expect((deed["target"] as? String)?.contains("state:ready") == true && deed["queue"] as? String == "mail")
        #expect(deed["outcome"] is NSNull && deed["count"] is NSNull, "\(journal.output)")

        // Either all of it has happened to a job, or nothing.
        for (state, number, events) in [("cancelled", done, #""events":[{"#), ("ready", left, #""events":[]"#)] {
            let list = ["job", "list", "--queue", "mail", "--state", state, "--limit", "0", "--json"]
            let jobs = try await lines(list)
            #expect(jobs.count == number && jobs.allSatisfy { $0.contains(events) })
        }
        let audit = try await CommandRun.spanq("audit", redis: redis)
        #expect(audit.code == 0, "\(audit.output)")

        let rest = try await CommandRun.spanq(
            "job", "bulk", "cancel", "--queue", "mail", "--state", "ready", "--yes", "--json", redis: redis)
        #expect(rest.object["done"] as? Int == left, "\(rest.output)\(rest.errors)")
        #expect(try await count("cancelled") == Self.jobs)
    }
}
