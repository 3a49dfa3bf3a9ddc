// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import GRPCCore
import GRPCNIOTransportHTTP2Posix
import GRPCProtobuf
import Logging
import NIOSSL
import ServiceLifecycle
import SpanQueue
import SpanQueueAdmin
import SpanQueueProto
import SwiftProtobuf
import Synchronization
import Testing

@testable import SpanQueueGateway

@Suite("The gateway's edges", .timeLimit(.minutes(2)))
struct EdgeTests {
    private let ada = AccessToken()
    private let pia = AccessToken()
    private let wim = AccessToken()

    private func edges(_ more: String = "") throws -> GatewayEdges {
        let list = try UserList(
            """
            ada admin * \(ada.digest)
            pia producer mail \(pia.digest)
            wim worker mail \(wim.digest)
            cert admin * -
            \(more)
            """)
        var edges = GatewayEdges()
        edges.access = GatewayAccess { list }
        return edges
    }

    private func bearer(_ token: AccessToken) -> Metadata { ["authorization": "Bearer \(token.text)"] }

    // MARK: Certificates and tokens

    @Test("by which certificate and token somebody comes, and as whom")
    func matrix() async throws {
        try await withDirectory { directory in
            let ours = try TestAuthority("ours", in: directory)
            let theirs = try TestAuthority("theirs", in: directory)
            let server = try ours.issue("/CN=gateway", as: "server")
            let known = try ours.issue("/CN=cert", as: "known")
            let unknown = try ours.issue("/CN=stranger", as: "unknown")
            let foreign = try theirs.issue("/CN=cert", as: "foreign")
            func tls(_ identity: (certificate: String, key: String)?) -> HTTP2ClientTransport.Posix.TransportSecurity {
                let roots = TLSConfig.TrustRootsSource.certificates([.file(path: ours.certificate, format: .pem)])
                guard let identity else {
                    return .tls {
                        $0.trustRoots = roots
                        $0.serverCertificateVerification = .noHostnameVerification
                    }
                }
                return .mTLS(
                    certificateChain: [.file(path: identity.certificate, format: .pem)],
                    privateKey: .file(path: identity.key, format: .pem)
                ) {
                    $0.trustRoots = roots
                    $0.serverCertificateVerification = .noHostnameVerification
                }
            }
            let tokens: [(name: String, metadata: Metadata)] = [
                ("none", [:]), ("ada", bearer(ada)), ("wrong", bearer(AccessToken())), ("pia", bearer(pia)),
            ]
            let authority = ours.certificate
            let unauthenticated = "unauthenticated"
            for (mode, tlsFiles, clients) in [
                ("plain", nil, [("plain", .plaintext, [unauthenticated, "ada", unauthenticated, "permissionDenied"])]),
                (
                    "tls", GatewayTLS(certificate: server.certificate, key: server.key),
                    [
                        ("none", tls(nil), [unauthenticated, "ada", unauthenticated, "permissionDenied"]),
                        // It is not asked for, so it says nothing.
                        ("known", tls(known), [unauthenticated, "ada", unauthenticated, "permissionDenied"]),
                        ("plain", .plaintext, Array(repeating: "unavailable", count: 4)),
                    ]
                ),
                (
                    "mtls",
                    GatewayTLS(certificate: server.certificate, key: server.key, clientAuthorities: authority),
                    [
                        ("none", tls(nil), Array(repeating: "unavailable", count: 4)),
                        ("foreign", tls(foreign), Array(repeating: "unavailable", count: 4)),
                        ("known", tls(known), ["cert", "ada", unauthenticated, "permissionDenied"]),
                        ("unknown", tls(unknown), [unauthenticated, "ada", unauthenticated, "permissionDenied"]),
                    ]
                ),
            ] as [(String, GatewayTLS?, [(String, HTTP2ClientTransport.Posix.TransportSecurity, [String])])] {
                var edges = try self.edges()
                edges.tls = tlsFiles
                try await EdgeHarness.with(edges) { harness in
                    _ = try await harness.queue.enqueue(type: "t", payload: [], .queue("q"))
                    for (client, security, expected) in clients {
                        for (token, name) in zip(tokens, expected) {
                            try await harness.client(security) { connected in
                                let answer = try await harness.whoIs(connected, token.metadata)
                                #expect(answer == name, "\(mode), certificate \(client), token \(token.name)")
                            }
                        }
                    }
                }
            }
        }
    }

    @Test("a renewed certificate counts for the next connection, and half of one does not")
    func reload() async throws {
        try await withDirectory { directory in
            let authority = try TestAuthority("ours", in: directory)
            let first = try authority.issue("/CN=first", as: "first")
            let second = try authority.issue("/CN=second", as: "second")
            let paths = (directory.appendingPathComponent("crt").path, directory.appendingPathComponent("key").path)
            func put(_ file: String, at path: String) throws {
                try Data(contentsOf: URL(fileURLWithPath: file)).write(to: URL(fileURLWithPath: path), options: .atomic)
            }
            try put(first.certificate, at: paths.0)
            try put(first.key, at: paths.1)
            let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
            let files = try CertificateFiles(certificate: paths.0, key: paths.1, logger: logger)
            func isServed(_ file: String, at now: ContinuousClock.Instant) throws -> Bool {
                guard case .certificate(let served)? = files.current(now: now).certificateChain?.first else {
                    return false
                }
                return served == (try NIOSSLCertificate.fromPEMFile(file)[0])
            }
            let start = ContinuousClock.now
            #expect(try isServed(first.certificate, at: start))
            try put(second.certificate, at: paths.0)
            #expect(try isServed(first.certificate, at: start + .seconds(2)), "its key is not there yet")
            try put(second.key, at: paths.1)
            #expect(try isServed(first.certificate, at: start + .milliseconds(2500)), "it is looked at once a second")
            #expect(try isServed(second.certificate, at: start + .seconds(4)))
            try "nothing".write(toFile: paths.0, atomically: true, encoding: .utf8)
            #expect(try isServed(second.certificate, at: start + .seconds(6)))
            try FileManager.default.removeItem(atPath: paths.1)
            #expect(try isServed(second.certificate, at: start + .seconds(8)))
            for (certificate, key) in [
                (first.certificate, second.key), (paths.0, first.key), (first.certificate, paths.1),
            ] {
                let error = #expect(throws: SpanQueueError.self) {
                    try CertificateFiles(certificate: certificate, key: key, logger: logger)
                }
                #expect(error?.code == .invalidArgument)
            }
        }
    }

    // MARK: Scopes

    @Test("what a caller may do depends on their scopes and queues: enqueue, read, work, reflect")
    func scopes() async throws {
        try await EdgeHarness.with(try edges()) { harness in
            try await harness.client { client async throws in
                let producer = Wire.Producer.Client(wrapping: client)
                func code(_ body: () async throws -> Void) async throws -> String {
                    do {
                        try await body()
                        return "ok"
                    } catch let error as RPCError {
                        return "\(error.code)"
                    }
                }
                func enqueue(_ token: AccessToken?, _ queue: String) async throws -> String {
                    try await code {
                        _ = try await producer.enqueue(
                            .with {
                                $0.type = "t"
                                $0.queue = queue
                            }, metadata: token.map(bearer) ?? [:])
                    }
                }
                #expect(try await enqueue(nil, "mail") == "unauthenticated")
                #expect(try await enqueue(pia, "mail") == "ok")
                #expect(try await enqueue(pia, "media") == "permissionDenied")
                #expect(try await enqueue(wim, "mail") == "permissionDenied")
                #expect(try await enqueue(ada, "media") == "ok")
                func work(_ token: AccessToken, _ queue: String) async throws -> String {
                    try await code {
                        _ = try await Wire.Worker.Client(wrapping: client).claim(
                            .with {
                                $0.worker = "w"
                                $0.limit = 1
                                $0.lanes = [.with { $0.queue = queue }]
                            }, metadata: bearer(token))
                    }
                }
                #expect(try await work(wim, "mail") == "ok")
                #expect(try await work(wim, "media") == "permissionDenied")
                #expect(try await work(ada, "mail") == "permissionDenied")
                #expect(try await work(pia, "mail") == "permissionDenied")
                let admin = Spanqueue_V1_Admin.Client(wrapping: client)
                #expect(
                    try await code { _ = try await admin.getStats(.init(), metadata: bearer(pia)) }
                        == "permissionDenied")
                #expect(
                    try await admin.getStats(.init(), metadata: bearer(ada)).queues.map(\.name) == ["mail", "media"])
                func reflect(_ token: AccessToken?, _ service: String) async throws -> String {
                    try await code {
                        try await client.bidirectionalStreaming(
                            request: StreamingClientRequest<Grpc_Reflection_V1_ServerReflectionRequest>(
                                metadata: token.map(bearer) ?? [:]
                            ) { writer in
                                try await writer.write(
                                    Grpc_Reflection_V1_ServerReflectionRequest.with { $0.listServices = "" })
                            },
                            descriptor: MethodDescriptor(
                                fullyQualifiedService: service, method: "ServerReflectionInfo"),
                            serializer: ProtobufSerializer<Grpc_Reflection_V1_ServerReflectionRequest>(),
                            deserializer: ProtobufDeserializer<Grpc_Reflection_V1_ServerReflectionResponse>(),
                            options: .defaults
                        ) { response in
                            for try await message in response.messages {
                                let names = message.listServicesResponse.service.map(\.name)
                                #expect(names.contains("spanqueue.v1.Worker") && names.contains(service))
                            }
                        }
                    }
                }
                for service in ReflectionService.names {
                    #expect(try await reflect(ada, service) == "ok")
                    #expect(try await reflect(wim, service) == "permissionDenied")
                    #expect(try await reflect(nil, service) == "unauthenticated")
                }
            }
        }
    }

    // MARK: Health

    @Test("health needs no token, knows each service, and says NOT_SERVING before calls are refused")
    func health() async throws {
        try await EdgeHarness.with(try edges()) { harness in
            try await harness.client { client in
                let health = Grpc_Health_V1_Health.Client(wrapping: client)
                for name in ["", "spanqueue.v1.Worker", "spanqueue.v1.Producer", "spanqueue.v1.Admin"] {
                    #expect(try await health.check(.with { $0.service = name }).status == .serving)
                }
                let error = await #expect(throws: RPCError.self) {
                    try await health.check(.with { $0.service = "nothing" })
                }
                #expect(error?.code == .notFound)
                try await health.watch(.with { $0.service = "nothing" }) { response in
                    for try await message in response.messages {
                        #expect(message.status == .serviceUnknown)
                        break
                    }
                }
                let seen = Mutex<[Grpc_Health_V1_HealthCheckResponse.ServingStatus]>([])
                // It ends with the gateway, and not before it has said so.
                try await health.watch(.init()) { response in
                    for try await message in response.messages {
                        seen.withLock { $0.append(message.status) }
                        if message.status == .serving { await harness.group.triggerGracefulShutdown() }
                    }
                }
                #expect(seen.withLock { $0 } == [.serving, .notServing])
            }
        }
    }

    // MARK: Administration

    @Test("Admin shows and does what REST does: queues, jobs, payloads, actions, the journal")
    func admin() async throws {
        var edges = try self.edges("lim admin mail \(AccessToken().digest)")
        edges.redaction = try Redaction(["password"])
        try await EdgeHarness.with(edges) { harness in
            for (id, queue) in [("a", "mail"), ("b", "mail"), ("c", "media")] {
                _ = try await harness.queue.enqueue(
                    type: "t", payload: Array(#"{"password":"x","n":1}"#.utf8), .id(JobID(id)), .queue(queue),
                    .delay(.seconds(600)))
            }
            try await harness.client { client in
                let admin = Spanqueue_V1_Admin.Client(wrapping: client)
                let queues = try await admin.listQueues(.with { $0.limit = 1 }, metadata: bearer(ada))
                #expect(
                    queues.queues.map(\.name) == ["mail"] && queues.cursor == "mail" && queues.queues[0].scheduled == 2)
                let job = try await admin.describeJob(.with { $0.id = "a" }, metadata: bearer(ada))
                #expect(job.state == "scheduled" && job.queue == "mail" && job.hasEnqueuedAt && !job.hasLastError)
                let payload = try await admin.getPayload(.with { $0.id = "a" }, metadata: bearer(ada))
                #expect(payload.payload.contains(#""n":1"#) && !payload.payload.contains(#""x""#))
                let page = try await admin.listJobs(
                    .with { $0.filter.queue = "mail" }, metadata: bearer(ada))
                #expect(Set(page.jobs.map(\.id)) == ["a", "b"] && page.complete)
                #expect(
                    try await admin.act(
                        .with {
                            $0.id = "a"
                            $0.action = "cancel"
                            $0.reason = "why"
                        }, metadata: bearer(ada)
                    ).state == "cancelled")
                let again = await #expect(throws: RPCError.self) {
                    try await admin.act(
                        .with {
                            $0.id = "b"
                            $0.action = "remove"
                            $0.ifState = "dead"
                        }, metadata: bearer(ada))
                }
                #expect(again?.code == .failedPrecondition)
                let request = Spanqueue_V1_BulkRequest.with {
                    $0.action = "cancel"
                    $0.reason = "all"
                    $0.filter.queue = "mail"
                    $0.filter.state = "scheduled"
                }
                let preview = try await admin.previewBulk(request, metadata: bearer(ada))
                #expect(preview.count == 1 && preview.exact && preview.examples.map(\.id) == ["b"])
                #expect(try await harness.queue.job("b")?.state == .scheduled)
                let counts = try await admin.bulkAct(
                    .with {
                        $0.request = request
                        $0.notAfter = preview.notAfter
                    }, metadata: bearer(ada)
                ) { response in
                    var last = Spanqueue_V1_BulkCountsView()
                    for try await message in response.messages { last = message }
                    return last
                }
                #expect(counts.done == 1)
                #expect(try await harness.queue.job("b")?.state == .cancelled)
                for change in [-301.0, 3600] {
                    let refused = await #expect(throws: RPCError.self) {
                        try await admin.bulkAct(
                            .with {
                                $0.request = request
                                $0.notAfter = preview.notAfter
                                $0.notAfter.seconds += Int64(change)
                            }, metadata: bearer(ada)
                        ) { response in for try await _ in response.messages {} }
                    }
                    #expect(refused?.code == .failedPrecondition)
                }
                let journal = try await admin.journal(.with { $0.action = "bulk_cancel" }, metadata: bearer(ada))
                #expect(
                    journal.deeds.map(\.by) == ["ada"] && journal.deeds[0].via == "grpc" && journal.deeds[0].count == 1)
                #expect(journal.deeds[0].address == "127.0.0.1")
            }
        }
    }

    @Test("every member of what Admin shows has a field, and so is not lost")
    func fields() async throws {
        try await EdgeHarness.with(try edges()) { harness in
            let queue = harness.queue
            for id: JobID in ["a", "b"] {
                _ = try await queue.enqueue(
                    type: "t", payload: [0xFF], .id(id), .queue("mail"), .tags(["x"]),
                    .uniqueUntilFinished(key: "\(id)"),
                    .timeout(.seconds(3)))
            }
            try await queue.pause("mail", reason: "why", by: "ada")
            _ = try await queue.bury("a")
            try await queue.engine.announce(
                WorkerInfo(
                    id: "w-1", host: "h", pid: 1, queues: ["mail"], concurrency: 1, busy: 0,
                    startedAt: try await queue.engine.now(), version: "1"), lifetime: .seconds(60))
            let admin = Admin(queue)
            func strict<Answer: SwiftProtobuf.Message>(_ view: some Encodable, _: Answer.Type) throws -> Answer {
                try AdminService.message(view, Redaction(), isStrict: true)
            }
            let page = try strict(await admin.queues(after: nil, limit: 9), Spanqueue_V1_QueuesPageView.self)
            #expect(page.queues[0].dead == 1 && page.queues[0].pause.by == "ada" && page.queues[0].workersAlive == 1)
            #expect(page.queues[0].totals.enqueued == 2)
            _ = try strict(await admin.stats(), Spanqueue_V1_StatsView.self)
            let record = try await admin.record("a")
            let job = try strict(JobView(record, .facts), Spanqueue_V1_JobView.self)
            #expect(job.events.map(\.event) == ["buried"] && job.tags == ["x"] && job.timeout == "3s")
            _ = try strict(PayloadView(record), Spanqueue_V1_PayloadView.self)
            _ = try strict(ResultView(record), Spanqueue_V1_ResultView.self)
            let jobs = try await admin.search(JobFilter(queue: "mail"), limit: 1)
            _ = try strict(jobs.view(.facts), Spanqueue_V1_JobsView.self)
            let ada = Principal(name: "ada", way: .grpc)
            _ = try strict(
                await admin.run(.act(.cancel(reason: ""), "b", queue: "mail"), as: ada), Spanqueue_V1_JobActionView.self
            )
            _ = try strict(WorkersView(workers: await admin.workers()), Spanqueue_V1_WorkersView.self)
            _ = try strict(await admin.journal(JournalFilter(), limit: 9), Spanqueue_V1_JournalPageView.self)
            _ = try strict(BulkCountsView(BulkProgress().counts), Spanqueue_V1_BulkCountsView.self)
            #expect(throws: (any Error).self) { try strict(["unknown": 1], Spanqueue_V1_QueueView.self) }
        }
    }
}
