// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import GRPCCore
import GRPCNIOTransportHTTP2Posix
import Logging
import ServiceLifecycle
import SpanQueue
import SpanQueueAdmin
import SpanQueueProto
import SpanQueueTelemetry
import SwiftProtobuf
import Synchronization
import Testing

@testable import SpanQueueGateway

private typealias AdminClient = Spanqueue_V1_Admin.Client<HTTP2ClientTransport.Posix>

/// What `Admin` has of the REST interface, on each engine.
@Suite("Administration by gRPC", .timeLimit(.minutes(2)))
struct AdminTests {
    /// A method, what it needs, and a call that changes nothing that another depends on.
    private struct Method: Sendable {
        let name: String
        /// Nil for one that everybody may call who is known.
        let scope: Scope?
        let call: @Sendable (AdminClient, Metadata) async throws -> Void
    }

    private static let methods: [Method] = [
        Method(name: "ListQueues", scope: .read) { _ = try await $0.listQueues(.init(), metadata: $1) },
        Method(name: "GetQueue", scope: .read) { _ = try await $0.getQueue(.with { $0.name = "mail" }, metadata: $1) },
        Method(name: "PauseQueue", scope: .operate) {
            _ = try await $0.pauseQueue(.with { $0.name = "other" }, metadata: $1)
        },
        Method(name: "ResumeQueue", scope: .operate) {
            _ = try await $0.resumeQueue(.with { $0.name = "other" }, metadata: $1)
        },
        Method(name: "GetStats", scope: .read) { _ = try await $0.getStats(.init(), metadata: $1) },
        Method(name: "ListJobs", scope: .read) { _ = try await $0.listJobs(.init(), metadata: $1) },
        Method(name: "DescribeJob", scope: .read) {
            _ = try await $0.describeJob(.with { $0.id = "a" }, metadata: $1)
        },
        Method(name: "GetPayload", scope: .payload) {
            _ = try await $0.getPayload(.with { $0.id = "a" }, metadata: $1)
        },
        Method(name: "GetResult", scope: .payload) { _ = try await $0.getResult(.with { $0.id = "a" }, metadata: $1) },
        Method(name: "Act", scope: .operate) {
            _ = try await $0.act(
                .with {
                    $0.id = "nobody"
                    $0.action = "cancel"
                }, metadata: $1)
        },
        Method(name: "PreviewBulk", scope: .admin) {
            _ = try await $0.previewBulk(
                .with {
                    $0.action = "cancel"
                    $0.filter.queue = "mail"
                }, metadata: $1)
        },
        Method(name: "BulkAct", scope: .admin) {
            try await $0.bulkAct(.init(), metadata: $1) { for try await _ in $0.messages {} }
        },
        Method(name: "ListWorkers", scope: .read) { _ = try await $0.listWorkers(.init(), metadata: $1) },
        Method(name: "Journal", scope: .read) { _ = try await $0.journal(.init(), metadata: $1) },
        Method(name: "ExportJournal", scope: .read) {
            try await $0.exportJournal(.init(), metadata: $1) { for try await _ in $0.messages {} }
        },
        Method(name: "GetHistory", scope: .read) { _ = try await $0.getHistory(.init(), metadata: $1) },
        Method(name: "ListTypes", scope: .read) { _ = try await $0.listTypes(.init(), metadata: $1) },
        Method(name: "ListErrors", scope: .read) { _ = try await $0.listErrors(.init(), metadata: $1) },
        Method(name: "GetError", scope: .read) {
            _ = try await $0.getError(.with { $0.fingerprint = "00000000000000ab" }, metadata: $1)
        },
        Method(name: "GetTrace", scope: .read) { _ = try await $0.getTrace(.with { $0.id = "a" }, metadata: $1) },
        Method(name: "ExplainJob", scope: .read) { _ = try await $0.explainJob(.with { $0.id = "a" }, metadata: $1) },
        Method(name: "ExplainQueue", scope: .read) {
            _ = try await $0.explainQueue(.with { $0.name = "mail" }, metadata: $1)
        },
        Method(name: "Watch", scope: .read) {
            try await $0.watch(.init(), metadata: $1) { for try await _ in $0.messages { break } }
        },
        Method(name: "GetSession", scope: nil) { _ = try await $0.getSession(.init(), metadata: $1) },
    ]

    private func bearer(_ token: AccessToken) -> Metadata { ["authorization": "Bearer \(token.text)"] }

    /// Two queues with a job each, and what workers would have told of one of them.
    private func fill(_ queue: JobQueue) async throws {
        for (id, name) in [("a", "mail"), ("b", "other")] {
            _ = try await queue.enqueue(
                type: "email:hi", payload: Array(#"{"password":"x"}"#.utf8), .id(JobID(id)), .queue(name),
                .delay(.seconds(3600)))
        }
        let engine = try await queue.engine
        var sums = AttemptSums()
        sums.add(.completed, process: .milliseconds(10), wait: .milliseconds(20))
        sums.add(.retried, process: .milliseconds(10), wait: .milliseconds(20))
        let history = try #require(engine as? any HistoryStore)
        try await history.add([AttemptTally(type: "email:hi", sums: sums)], to: "mail")
        let errors = try #require(engine as? any ErrorStore)
        try await errors.add(
            [
                ErrorCount(
                    fingerprint: 0xAB, jobType: "email:hi", errorType: "Timeout",
                    masked: "no answer of password=secret", count: 3)
            ], to: "mail", version: "1.2.3")
    }

    @Test("each method needs the scope that its REST twin needs, whoever calls", arguments: EngineKind.allCases)
    func roles(_ kind: EngineKind) async throws {
        #expect(Self.methods.map(\.name) == Spanqueue_V1_Admin.Method.descriptors.map(\.method))
        let tokens = Dictionary(uniqueKeysWithValues: Role.allCases.map { ($0, AccessToken()) })
        let list = try UserList(tokens.map { "\($0)-1 \($0) * \($1.digest)" }.joined(separator: "\n"))
        var edges = GatewayEdges()
        edges.access = GatewayAccess { list }
        try await kind.with { source, _ in
            try await EdgeHarness.with(edges, on: source) { harness in
                try await fill(harness.queue)
                try await harness.client { client in
                    let admin = AdminClient(wrapping: client)
                    func code(_ method: Method, _ metadata: Metadata) async throws -> String {
                        do {
                            try await method.call(admin, metadata)
                            return "ok"
                        } catch let error as RPCError {
                            return "\(error.code)"
                        }
                    }
                    for method in Self.methods {
                        #expect(try await code(method, [:]) == "unauthenticated", "\(method.name)")
                        for (role, token) in tokens {
                            let found = try await code(method, bearer(token))
                            let may = method.scope.map(role.scopes.contains) ?? true
                            let refusal = "permissionDenied"
                            #expect((found == refusal) == !may, "\(method.name) as \(role): \(found)")
                            guard may else { continue }
                            let known = ["Act": "notFound", "BulkAct": "invalidArgument"]
                            #expect(found == known[method.name] ?? "ok", "\(method.name) as \(role): \(found)")
                        }
                    }
                }
            }
        }
    }

    @Test(
        "history, types, errors, traces, explanations and the journal are those of REST", arguments: EngineKind.allCases
    )
    func answers(_ kind: EngineKind) async throws {
        let (ada, lim) = (AccessToken(), AccessToken())
        let list = try UserList("ada admin * \(ada.digest)\nlim viewer other \(lim.digest)")
        var edges = GatewayEdges()
        edges.access = GatewayAccess { list }
        edges.redaction = try Redaction(["password"])
        try await kind.with { source, _ in
            try await EdgeHarness.with(edges, on: source) { harness in
                try await fill(harness.queue)
                var ours = Admin(harness.queue)
                ours.redaction = edges.redaction
                let admin = ours
                func strict<Answer: SwiftProtobuf.Message>(_ view: some Encodable) throws -> Answer {
                    try AdminService.message(view, edges.redaction, isStrict: true)
                }
                try await harness.client { client in
                    let remote = AdminClient(wrapping: client)
                    let metadata = bearer(ada)
                    let theirs = bearer(lim)
                    func code<Answer>(_ body: () async throws -> Answer) async -> String {
                        do {
                            _ = try await body()
                            return "ok"
                        } catch let error as RPCError {
                            return "\(error.code)"
                        } catch {
                            return "\(error)"
                        }
                    }

                    let history = try await remote.getHistory(.with { $0.queue = "mail" }, metadata: metadata)
                    let minutes: Spanqueue_V1_HistoryView = try strict(
                        await admin.history(of: "mail", .minute, last: 60))
                    #expect(history == minutes)
                    #expect(history.seconds == 60 && history.slots.map(\.completed) == [1])
                    #expect(history.types.map(\.type) == ["email:hi"] && history.types[0].hasP99Seconds)
                    let all = try await remote.getHistory(
                        .with {
                            $0.resolution = "ten_minutes"
                            $0.last = 432
                        }, metadata: metadata)
                    let tens: Spanqueue_V1_HistoryView = try strict(await admin.history(.tenMinutes, last: 432))
                    #expect(all == tens)
                    // The other queue had no slot of its own: what is null there is null here.
                    #expect(all.queues.map(\.name) == ["mail", "other"])
                    #expect(all.queues[1].ready.values == [.with { $0.nullValue = .nullValue }])
                    for bad in [("hour", 1), ("minute", 181), ("ten_minutes", 433)] as [(String, UInt32)] {
                        let found = await code {
                            try await remote.getHistory(
                                .with {
                                    $0.resolution = bad.0
                                    $0.last = bad.1
                                }, metadata: metadata)
                        }
                        #expect(found == "invalidArgument")
                    }

                    let types = try await remote.listTypes(.init(), metadata: metadata)
                    let looked: Spanqueue_V1_TypesView = try strict(await admin.types())
                    #expect(types == looked)
                    #expect(types.types.map(\.type) == ["email:hi"] && types.types[0].jobs == ["scheduled": 2])
                    #expect(types.types[0].errors == 3)

                    let groups = try await remote.listErrors(.with { $0.limit = 1 }, metadata: metadata)
                    let counted: Spanqueue_V1_ErrorGroupsView = try strict(await admin.errors(limit: 1))
                    #expect(groups == counted)
                    let group = try #require(groups.errors.first)
                    #expect(group.count == 3 && group.queue == "mail" && group.hasFirstSeen && group.version == "1.2.3")
                    #expect(group.message.contains("no answer") && !group.message.contains("secret"))
                    #expect(
                        try await remote.getError(.with { $0.fingerprint = group.fingerprint }, metadata: metadata)
                            == group)
                    for (fingerprint, expected) in [("00000000000000ac", "notFound"), ("ac", "invalidArgument")] {
                        let found = await code {
                            try await remote.getError(.with { $0.fingerprint = fingerprint }, metadata: metadata)
                        }
                        #expect(found == expected)
                    }

                    let trace = try await remote.getTrace(.with { $0.id = "a" }, metadata: metadata)
                    let record = try #require(try await harness.queue.job("a"))
                    #expect(trace.jobID == "a" && trace.traceID == record.message.trace.traceID.description)
                    let span = try #require(trace.spans.first)
                    #expect(span.name == "enqueue mail" && span.kind == "producer" && span.hasStart)
                    #expect(span.attributes.fields["messaging.message.id"]?.stringValue == "a")

                    let _: Spanqueue_V1_TraceView = try strict(TraceView(await admin.trace("a")))
                    let _: Spanqueue_V1_ExplanationView = try strict(await admin.explain("a"))
                    let _: Spanqueue_V1_SessionView = try strict(SessionView(Principal(name: "ada", way: .grpc)))

                    let why = try await remote.explainJob(.with { $0.id = "a" }, metadata: metadata)
                    #expect(why.state == "scheduled" && why.reasons.map(\.code) == ["not_due", "no_worker"])
                    #expect(why.reasons[0].command == "spanq job redrive a")
                    _ = try await remote.pauseQueue(
                        .with {
                            $0.name = "mail"
                            $0.reason = "the server moves"
                        }, metadata: metadata)
                    let keeps = try await remote.explainQueue(.with { $0.name = "mail" }, metadata: metadata)
                    #expect(keeps.queue == "mail" && !keeps.hasID && !keeps.hasState)
                    #expect(keeps.reasons.map(\.code) == ["queue_paused", "no_worker"])
                    #expect(keeps.verdict.contains("the server moves"))

                    var deeds: [String] = []
                    for action in ["", "pause", "cancel"] {
                        deeds.append(
                            try await remote.exportJournal(.with { $0.action = action }, metadata: metadata) {
                                response in
                                var words: [String] = []
                                for try await deed in response.messages { words.append("\(deed.by) \(deed.action)") }
                                return words.joined(separator: ",")
                            })
                    }
                    #expect(deeds == ["ada pause", "ada pause", ""])

                    let session = try await remote.getSession(.init(), metadata: theirs)
                    #expect(session.name == "lim" && session.role == "viewer" && session.queues == "other")
                    #expect(session.scopes == ["read"] && session.version == SpanQueueVersion.text)

                    // Others' queues are as if they did not exist.
                    #expect(try await remote.listTypes(.init(), metadata: theirs).types[0].jobs == ["scheduled": 1])
                    #expect(try await remote.listErrors(.init(), metadata: theirs).errors.isEmpty)
                    #expect(try await remote.getHistory(.init(), metadata: theirs).queues.map(\.name) == ["other"])
                    for body in [
                        { _ = try await remote.getHistory(.with { $0.queue = "mail" }, metadata: theirs) },
                        { _ = try await remote.getTrace(.with { $0.id = "a" }, metadata: theirs) },
                        { _ = try await remote.explainJob(.with { $0.id = "a" }, metadata: theirs) },
                        { _ = try await remote.explainQueue(.with { $0.name = "mail" }, metadata: theirs) },
                        { _ = try await remote.listTypes(.with { $0.queue = "mail" }, metadata: theirs) },
                    ] as [() async throws -> Void] {
                        #expect(await code(body) == "notFound")
                    }
                }
            }
        }
    }

    /// docs/grpc.md names an RPC, or says why there is none, for each call of the description of REST.
    @Test("each call of REST has its line in the documentation, and each RPC that it names is there")
    func documented() throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        let page = try String(contentsOf: root.appendingPathComponent("docs/grpc.md"), encoding: .utf8)
        let description = try JSONSerialization.jsonObject(
            with: Data(contentsOf: root.appendingPathComponent("Sources/CSpanQueueWeb/Assets/openapi.json")))
        let paths = try #require((description as? [String: Any])?["paths"] as? [String: [String: Any]])
        var calls: Set<String> = []
        for (path, methods) in paths {
            for method in methods.keys where ["get", "post", "patch", "delete", "put"].contains(method) {
                calls.insert("\(method.uppercased()) \(path.replacing("/api/v1", with: ""))")
            }
        }
        var told: Set<String> = []
        var rpcs: Set<String> = []
        for line in page.split(separator: "\n") {
            let cells = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
            guard cells.count >= 2, let match = cells[0].wholeMatch(of: /`((GET|POST|PATCH|DELETE|PUT) \/.*)`/) else {
                continue
            }
            told.insert(String(match.1))
            rpcs.formUnion(cells[1].matches(of: /`([A-Z]\w+)`/).map { String($0.1) })
        }
        #expect(told == calls)
        let known = Set(Spanqueue_V1_Admin.Method.descriptors.map(\.method))
        #expect(rpcs.subtracting(known).subtracting(["Enqueue", "EnqueueBatch"]).isEmpty, "\(rpcs)")
        // `spanq queue explain` is the only one that REST has not.
        #expect(known.subtracting(rpcs) == ["ExplainQueue"])
    }
}
