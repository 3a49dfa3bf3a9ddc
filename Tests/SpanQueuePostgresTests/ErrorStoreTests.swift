// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import PostgresClient
import SpanQueue
import Testing

@testable import SpanQueuePostgres

@Suite("counts of errors in Postgres", .timeLimit(.minutes(3)))
struct ErrorStoreTests {
    private func error(_ fingerprint: UInt64, _ count: Int = 1) -> ErrorCount {
        ErrorCount(fingerprint: fingerprint, jobType: "mail", errorType: "Refused", masked: "no ‹n›", count: count)
    }

    @Test(
        "a queue keeps 500 groups; those that were seen longest ago are counted together, before a sweep and after it")
    func bound() async throws {
        let database = try await Database()
        try await database.withEngines { engines in
            let engine = engines[0]
            _ = try await engine.enqueue([job()])
            func add(_ numbers: Range<UInt64>) async throws {
                try await engine.add(numbers.map { error($0, 2) }, to: "q", version: "1")
                try await Task.sleep(for: .milliseconds(3))
            }
            for start in stride(from: UInt64(0), to: 500, by: 100) { try await add(start..<start + 100) }
            #expect(try await engine.errors(in: "q").count == 500)
            // The oldest is seen again.
            try await add(0..<1)
            try await add(500..<600)
            func look() async throws {
                let groups = try await engine.errors(in: "q")
                #expect(groups.count == 500 && groups.reduce(0) { $0 + $1.count } == 1202)
                let kept = Set(groups.compactMap(\.fingerprint))
                #expect(kept.isSuperset(of: [0, 599, 499]) && !kept.contains(1) && kept.count == 499)
                let rest = try #require(groups.first { $0.fingerprint == nil })
                #expect(rest.count == 2 * (600 - kept.count) && rest.firstSeen <= rest.lastSeen)
                #expect(groups.first { $0.fingerprint == 0 }?.count == 4)
            }
            try await look()
            #expect(try await database.sql("SELECT count(*) FROM spanq.error") == "601")
            _ = try await engine.sweep("q", within: .seconds(9))
            #expect(try await database.sql("SELECT count(*) FROM spanq.error") == "500")
            try await look()
            // The rest goes on to be counted.
            for start in stride(from: UInt64(1000), to: 1600, by: 100) { try await add(start..<start + 100) }
            _ = try await engine.sweep("q", within: .seconds(9))
            let later = try await engine.errors(in: "q")
            #expect(later.count == 500 && later.reduce(0) { $0 + $1.count } == 2402)
            #expect(try await engine.errors(in: "p").isEmpty)
        }
    }

    @Test(
        "workers that tell of one error wait for nobody, not even for one whose transaction is open, and none is lost to a fold"
    )
    func apart() async throws {
        let database = try await Database()
        try await database.withEngines(2) { engines in
            _ = try await engines[0].enqueue([job()])
            let open = try await database.hold(
                "SELECT spanq.add_errors_1('q', '1', ARRAY[1], ARRAY[5], ARRAY['t'], ARRAY['e']::bytea[], ARRAY['m']::bytea[])"
            )
            try await withThrowingTaskGroup(of: Void.self) { group in
                for engine in engines {
                    group.addTask {
                        for _ in 0..<100 { try await engine.add([error(1), error(2)], to: "q", version: "1") }
                    }
                    group.addTask { for _ in 0..<20 { _ = try await engine.sweep("q", within: .seconds(1)) } }
                }
                try await group.waitForAll()
            }
            #expect(try await engines[0].errors(in: "q").map(\.count) == [200, 200])
            try await open.end()
            _ = try await engines[0].sweep("q", within: .seconds(1))
            let groups = try await engines[0].errors(in: "q").sorted { $0.count < $1.count }
            #expect(groups.map(\.count) == [200, 205])
        }
    }

    @Test("the view shows groups to people, with the latest dead letter of each")
    func view() async throws {
        let database = try await Database()
        try await database.withEngines { engines in
            let engine = engines[0]
            let ids = (0..<3).map { JobID(unchecked: "job-\($0)") }
            _ = try await engine.enqueue(ids.map { job($0) })
            for (number, claimed) in try await engine.claim(claim()).jobs.enumerated() {
                let report = AttemptReport(errorType: "Refused", error: "no 7", fingerprint: number == 2 ? 3 : .max)
                _ = try await engine.settleAll([Settlement(claimed, .bury(.permanent), report)])
            }
            try await engine.add([error(.max, 2), error(9)], to: "q", version: "1")
            let rows = try await database.sql(
                """
                SELECT string_agg(concat_ws(',', queue, fingerprint, job_type, error_type, error, count, dead_job), ';' ORDER BY count DESC)
                FROM spanq.errors
                """)
            #expect(rows == "q,ffffffffffffffff,mail,Refused,no ‹n›,2,job-1;q,0000000000000009,mail,Refused,no ‹n›,1")
        }
    }
}
