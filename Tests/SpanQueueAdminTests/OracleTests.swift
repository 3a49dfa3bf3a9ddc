// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import SpanQueue
import SpanQueueTesting
import Testing

@testable import SpanQueueAdmin

/// Two worlds that differ in what is masked alone must give the same answers to all questions: else one could find it by asking.
@Suite("What is masked can't be found by asking", .timeLimit(.minutes(1)))
struct OracleTests {
    private struct Failed: Error, CustomStringConvertible {
        let description: String
    }

    private static let secrets = ["hunter-alpha", "canary-omega"]
    private let redaction: Redaction
    private let ada = Principal(name: "ada", way: .api)

    init() throws {
        redaction = try Redaction(["password", "token"])
    }

    /// Twelve dead letters with the secret in an id, a type, a tag and every third error, and ten scheduled jobs.
    private func world(_ secret: String) async throws -> Admin {
        let clock = ManualClock()
        let queue = try JobQueue.testing(clock: clock)
        for number in 0..<12 {
            let error = number % 3 == 0 ? "login failed, password=\(secret)" : "no route"
            try await queue.enqueue(
                type: number == 1 ? "token:\(secret)" : "charge", payload: Array(error.utf8),
                .id(try JobID(number == 3 ? "password=\(secret)" : "job-\(number)")), .queue("mail"), .maxRetries(0),
                .tags(number == 2 ? ["password=\(secret)", "vip"] : ["vip"]))
        }
        let worker = try Worker(queue, WorkerConfiguration(queues: ["mail": 1]))
        for type in ["charge", "token:\(secret)"] {
            try worker.handle(type) { payload, _ in throw Failed(description: String(decoding: payload, as: UTF8.self))
            }
        }
        try await worker.runAllDue(in: queue, advancing: clock)
        for number in 0..<10 {
            try await queue.enqueue(
                type: "charge", payload: [], .id(try JobID("later-\(number)")), .queue("mail"), .delay(.hours(1)),
                .tags(number == 0 ? ["token:\(secret)"] : []))
        }
        var admin = Admin(queue)
        admin.redaction = redaction
        return admin
    }

    /// Those that look for the secrets of both worlds, and some that do not.
    private static let filters: [JobFilter] =
        secrets.flatMap { secret -> [JobFilter] in
            let digest = ErrorFingerprint(
                jobType: "charge", errorType: "Failed", error: "login failed, password=\(secret)")
            return [
                JobFilter(error: secret), JobFilter(error: "password=\(secret)"),
                JobFilter(error: String(secret.prefix(3))),
                JobFilter(type: "token:\(secret)"), JobFilter(type: "token:\(secret.prefix(2))*"),
                JobFilter(tags: ["password=\(secret)"]), JobFilter(tags: ["vip", "password=\(secret)"]),
                JobFilter(tags: ["token:\(secret)"]), JobFilter(id: "password=\(secret)"),
                JobFilter(id: "password=\(secret.prefix(1))"), JobFilter(fingerprint: digest.value),
            ]
        } + [
            JobFilter(error: "password"), JobFilter(error: Redaction.mask), JobFilter(error: "no route"),
            JobFilter(id: "pass"),
            JobFilter(type: "token:*"), JobFilter(type: "charge", tags: ["vip"]), JobFilter(),
        ]

    /// All that the answers to a filter's pages tell.
    private func pages(_ admin: Admin, _ filter: JobFilter, limit: Int) async throws -> [String] {
        var pages: [String] = []
        var cursor: String?
        repeat {
            let page = try await admin.search(filter, cursor: cursor, limit: limit)
            #expect(page.jobs.count <= limit)
            let jobs = page.view(JobView.Shown(to: ada, redaction)).jobs
            pages.append(
                redaction.masked(
                    jobs.map {
                        "\($0.id)|\($0.type)|\($0.tags)|\($0.errorFingerprint ?? "-")|\($0.uniqueDigest ?? "-")"
                    }
                    .joined(separator: "\n")) + " \(page.scanned)")
            cursor = page.cursor
        } while cursor != nil && pages.count < 200
        return pages
    }

    @Test("searches: which jobs, how many on a page, how far it came, and what stands for their errors")
    func searches() async throws {
        let (one, other) = (try await world(Self.secrets[0]), try await world(Self.secrets[1]))
        for filter in Self.filters {
            for limit in [1, 3, 50] {
                #expect(
                    try await pages(one, filter, limit: limit) == pages(other, filter, limit: limit),
                    "\(filter), \(limit)")
            }
        }
        // What is shown is found.
        for (filter, count) in [
            (JobFilter(error: "password"), 4), (JobFilter(error: Redaction.mask), 4), (JobFilter(error: "NO ROUTE"), 8),
            (JobFilter(id: "password"), 1), (JobFilter(type: "token:*"), 1),
            (JobFilter(type: "token:\(Redaction.mask)"), 1),
            (JobFilter(tags: ["vip", "password=\(Redaction.mask)"]), 1), (JobFilter(error: Self.secrets[0]), 0),
        ] {
            #expect(try await one.search(filter, limit: 50).jobs.count == count, "\(filter)")
        }
        // Else nothing is masked, and all of it is.
        var plain = one
        plain.redaction = Redaction()
        for filter in Self.filters.prefix(11) {
            let isFound = try await !plain.search(filter, limit: 50).jobs.isEmpty
            #expect(isFound, "\(filter)")
        }
    }

    @Test("a page has no more jobs than are wanted, and all pages have each once", arguments: [1, 2, 3, 7])
    func pageSizes(limit: Int) async throws {
        let admin = try await world(Self.secrets[0])
        for (filter, count) in [(JobFilter(error: "no route"), 8), (JobFilter(error: "password"), 4)] {
            var ids: [JobID] = []
            var cursor: String?
            repeat {
                let page = try await admin.search(filter, cursor: cursor, limit: limit)
                #expect(page.jobs.count <= limit)
                ids += page.jobs.map(\.message.id)
                cursor = page.cursor
            } while cursor != nil
            #expect(ids.count == count && Set(ids).count == count)
        }
    }

    @Test("a cursor that stands behind a masked id can't be read, nor made, and goes on")
    func cursors() async throws {
        let admin = try await world(Self.secrets[0])
        var cursors: [String] = []
        while let cursor = try await admin.search(JobFilter(), cursor: cursors.last, limit: 1).cursor,
            cursors.count < 50
        {
            cursors.append(cursor)
        }
        #expect(
            cursors.count >= 20 && cursors.contains { $0.hasPrefix("~") } && cursors.contains { !$0.hasPrefix("~") })
        for cursor in cursors {
            let padded = cursor.drop { $0 == "~" }.replacing("-", with: "+").replacing("_", with: "/")
            let bytes = Data(base64Encoded: padded + String(repeating: "=", count: -padded.utf8.count & 3)) ?? Data()
            #expect(!String(decoding: bytes, as: UTF8.self).contains(Self.secrets[0]), "\(cursor)")
            guard cursor.hasPrefix("~") else { continue }
            for changed in [String(cursor.dropLast(2)), "~" + cursor.dropFirst(3), "~", "~AA"] {
                await #expect(throws: SpanQueueError.self) {
                    try await admin.search(JobFilter(), cursor: changed, limit: 1)
                }
            }
        }
        for text in ["", "a", String(repeating: "é", count: 300)] {
            #expect(SealedText.open(SealedText.seal(text)) == text)
        }
        #expect(SealedText.seal("a").count == SealedText.seal(String(repeating: "b", count: 400)).count)
    }

    @Test(
        "groups of errors: those that differ in what is masked are one, and what stands for them is made of what is shown"
    )
    func groups() async throws {
        let (one, other) = (try await world(Self.secrets[0]), try await world(Self.secrets[1]))
        func shown(_ admin: Admin, type: String? = nil) async throws -> String {
            let page = try await admin.errors(in: "mail", type: type, limit: 50)
            return redaction.masked(
                try page.errors.map(AdminJSON.line).joined(separator: "\n").replacing("\\u0000", with: ""))
                + " \(page.more)"
        }
        let types =
            Self.secrets.flatMap { ["token:\($0)", "token:\($0.prefix(2))*"] } + ["charge", "token:\(Redaction.mask)"]
        for type in [nil] + types {
            #expect(try await shown(one, type: type) == shown(other, type: type), "\(type ?? "all")")
        }
        for secret in Self.secrets {
            let raw = ErrorFingerprint(
                jobType: "charge", errorType: "Failed", error: "login failed, password=\(secret)")
            await #expect(throws: SpanQueueError.self) { try await one.error(raw.value) }
        }
        let group = try #require(try await one.errors(in: "mail", limit: 50).errors.first { $0.count == 4 })
        let fingerprint = try JobFilter.fingerprint(try #require(group.fingerprint))
        #expect(try await one.error(fingerprint, in: "mail").count == 4)
        #expect(try await one.search(JobFilter(fingerprint: fingerprint), limit: 50).jobs.count == 4)
        let preview = try await one.preview(one.order(.redrive, JobFilter(fingerprint: fingerprint)))
        #expect(preview.count == 4)
        // Two texts that one sees as one.
        let store = try #require(try await one.queue.engine as? any ErrorStore)
        let more = ErrorCount(
            fingerprint: 7, jobType: "charge", errorType: "Failed", masked: "login failed, password=another", count: 2)
        try await store.add([more], to: "mail", version: "9")
        #expect(try await one.error(fingerprint, in: "mail").count == 6)
    }

    @Test(
        "of groups that are shown as one the first and the last moment count, and the version of the last",
        arguments: [false, true])
    func sums(isReversed: Bool) throws {
        func group(_ secret: String, _ first: Int64, _ last: Int64) -> ErrorGroup {
            ErrorGroup(
                queue: "mail", fingerprint: UInt64(first), jobType: "t", errorType: "e", masked: "password=\(secret)",
                count: 2,
                firstSeen: JobSample.at(first), lastSeen: JobSample.at(last), version: "\(last)")
        }
        var groups = [group("a", 3, 9), group("b", 1, 5), group("c", 2, 7)]
        if isReversed { groups.reverse() }
        var rest = group("d", 0, 10)
        rest.fingerprint = nil
        let shown = redaction.shown(groups + [rest])
        #expect(shown.count == 2 && shown[1].fingerprint == nil && shown[1].count == 2)
        #expect(shown[0].count == 6 && shown[0].version == "9")
        #expect(shown[0].firstSeen == JobSample.at(1) && shown[0].lastSeen == JobSample.at(9))
        #expect(Redaction().shown(groups) == groups)
    }

    @Test("actions on many jobs: what a preview counts and shows, and what is then done")
    func bulk() async throws {
        let (one, other) = (try await world(Self.secrets[0]), try await world(Self.secrets[1]))
        func told(_ admin: Admin, _ filter: JobFilter, _ action: JobAction) async throws -> String {
            let preview = try await admin.preview(admin.order(action, filter))
            return redaction.masked(
                "\(preview.count) \(preview.isExact) \(preview.scanned) \(preview.examples.map(\.id))")
        }
        for filter in Self.filters where filter != JobFilter() {
            #expect(try await told(one, filter, .redrive) == told(other, filter, .redrive), "\(filter)")
        }
        let order = try await one.order(.remove, JobFilter(queue: "mail", error: Self.secrets[0]))
        guard case .bulk(let counts) = try await one.run(.bulk(order), as: ada) else {
            throw Failed(description: "no counts")
        }
        #expect(counts.done == 0 && counts.scanned > 0)
    }

    @Test(
        "a job whose id is masked is not there for who guesses it, and the journal tells nothing to who guesses its target"
    )
    func names() async throws {
        let (one, other) = (try await world(Self.secrets[0]), try await world(Self.secrets[1]))
        for secret in Self.secrets {
            let id = try JobID("password=\(secret)")
            for admin in [one, other] {
                await #expect(throws: SpanQueueError.self) { try await admin.record(id) }
                await #expect(throws: SpanQueueError.self) { try await admin.explain(id, in: "mail") }
                await #expect(throws: SpanQueueError.self) {
                    try await admin.run(.act(.redrive, id, queue: nil), as: ada)
                }
            }
        }
        #expect(try await one.record("job-4").state == .dead)
        for (admin, secret) in zip([one, other], Self.secrets) {
            let deed = JournalDeed("cancel", queue: "mail", target: "password=\(secret)", by: ada)
            try await admin.journaled(deed) {}
        }
        let targets = Self.secrets.flatMap { ["password=\($0)", "password=\($0.prefix(1))*"] }
        for target in targets + ["password=*", "password=\(Redaction.mask)"] {
            let filter = JournalFilter(target: target)
            let found = try await one.journal(filter, limit: 9).deeds.count
            #expect(try await other.journal(filter, limit: 9).deeds.count == found, "\(target)")
        }
        #expect(try await one.journal(JournalFilter(target: "password=*"), limit: 9).deeds.count == 1)
    }

    @Test(
        "the digest of what must be unique is for those who may see a payload, and for nobody where something is masked"
    )
    func digests() throws {
        var record = try JobSample.retrying()
        record.message.unique = UniqueLock(digest: Array(repeating: 7, count: 16), span: .untilFinished)
        let viewer = Principal(name: "vera", way: .api, scopes: Role.viewer.scopes)
        #expect(JobView(record).uniqueDigest != nil)
        #expect(JobView(record, JobView.Shown(to: ada, Redaction())).uniqueDigest != nil)
        #expect(JobView(record, JobView.Shown(to: ada, redaction)).uniqueDigest == nil)
        #expect(JobView(record, JobView.Shown(to: viewer, Redaction())).uniqueDigest == nil)
    }
}
