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
import SpanQueueTesting
import SwiftProtobuf
import Synchronization
import Testing

@testable import SpanQueueGateway

/// One `Watch` stream of a client: all that has come.
final class WatchCall: Sendable {
    private struct State {
        var frames: [Spanqueue_V1_WatchFrameView] = []
        var end: Result<Void, any Error>?
    }

    private let state = Mutex(State())
    private let task = Mutex<Task<Void, Never>?>(nil)

    init(
        _ client: EdgeClient, _ metadata: Metadata, _ fill: (inout Spanqueue_V1_WatchRequest) -> Void = { _ in }
    ) {
        var request = Spanqueue_V1_WatchRequest()
        fill(&request)
        let task = Task { [self, request] in
            do {
                try await Spanqueue_V1_Admin.Client(wrapping: client).watch(request, metadata: metadata) { response in
                    for try await frame in response.messages { self.state.withLock { $0.frames.append(frame) } }
                }
                state.withLock { $0.end = .success(()) }
            } catch {
                state.withLock { $0.end = .failure(error) }
            }
        }
        self.task.withLock { $0 = task }
    }

    func cancel() { task.withLock { $0?.cancel() } }

    var frames: [Spanqueue_V1_WatchFrameView] { state.withLock { $0.frames } }
    func frames(_ event: String) -> [Spanqueue_V1_WatchFrameView] { frames.filter { $0.event == event } }

    /// Waits for a frame of a topic.
    func first(_ event: String) async throws -> Spanqueue_V1_WatchFrameView {
        try await eventually("a frame of \(event); came: \(frames.map(\.event))") {
            if let end = self.state.withLock({ $0.end }), self.frames(event).isEmpty { try end.get() }
            return !self.frames(event).isEmpty
        }
        return try #require(frames(event).first)
    }

    /// The code with which it ended: "ok" for OK.
    func end() async throws -> String {
        try await eventually("the end of the stream") { self.state.withLock { $0.end != nil } }
        do {
            try state.withLock { $0.end }?.get()
            return "ok"
        } catch let error as RPCError {
            return "\(error.code)"
        }
    }
}

@Suite("Events by gRPC", .timeLimit(.minutes(2)))
struct WatchTests {
    private let ada = AccessToken()
    private let lim = AccessToken()

    /// Looks often, so that nobody waits.
    private func edges() throws -> GatewayEdges {
        let list = try UserList("ada admin * \(ada.digest)\nlim viewer mail \(lim.digest)")
        var edges = GatewayEdges()
        edges.access = GatewayAccess { list }
        edges.live.stats = .milliseconds(20)
        edges.live.depth = .milliseconds(20)
        edges.live.workers = .milliseconds(20)
        edges.live.feed = .milliseconds(20)
        edges.live.access = .milliseconds(50)
        return edges
    }

    private func bearer(_ token: AccessToken) -> Metadata { ["authorization": "Bearer \(token.text)"] }

    @Test("tells what REST's events tell, each to whom it may be told, and masked", arguments: EngineKind.allCases)
    func frames(_ kind: EngineKind) async throws {
        var edges = try edges()
        edges.redaction = try Redaction(["password"])
        try await kind.with { source, _ in
            try await EdgeHarness.with(edges, on: source) { harness in
                for queue in ["mail", "media"] {
                    _ = try await harness.queue.enqueue(
                        type: "t", payload: [], .queue(queue), .id(JobID(queue)), .delay(.seconds(3600)))
                }
                try await harness.queue.engine.announce(
                    WorkerInfo(
                        id: "w-1", host: "host password=hunter2", pid: 1, queues: ["mail", "media"], concurrency: 1,
                        busy: 0, startedAt: try await harness.queue.engine.now(), version: "1"),
                    lifetime: .seconds(120))
                try await harness.client { client in
                    let admin = Spanqueue_V1_Admin.Client(wrapping: client)
                    let all = WatchCall(client, bearer(ada))
                    defer { all.cancel() }
                    let few = WatchCall(client, bearer(lim))
                    defer { few.cancel() }
                    let one = WatchCall(client, bearer(ada)) { request in
                        request.topics = ["jobs", "depth"]
                        request.queues = ["media"]
                    }
                    defer { one.cancel() }

                    let hello = try await all.first("hello")
                    #expect(hello.data.topics == ["stats", "depth", "workers", "jobs"] && !hello.data.resumed)
                    #expect(hello.id.hasPrefix(hello.data.boot) && hello.data.version == SpanQueueVersion.text)
                    #expect(try await one.first("hello").data.topics == ["depth", "jobs"])
                    let stats = try await all.first("stats")
                    #expect(stats.data.stats.queues.map(\.name) == ["mail", "media"])
                    #expect(stats.data.stats.jobs.scheduled == 2 && stats.data.hasAt)
                    #expect(try await few.first("stats").data.stats.queues.map(\.name) == ["mail"])
                    #expect(try await all.first("depth").data.queues.map(\.ready.count) == [10, 10])
                    #expect(try await one.first("depth").data.queues.map(\.name) == ["media"])
                    try await eventually("the worker") { all.frames("workers").contains { !$0.data.workers.isEmpty } }
                    for call in [all, few] {
                        let frames = call.frames("workers").filter { !$0.data.workers.isEmpty }
                        for host in frames.flatMap(\.data.workers).map(\.host) {
                            #expect(host.contains(Redaction.mask) && !host.contains("hunter2"))
                        }
                    }
                    try await eventually("the worker, as far as they may see it") {
                        few.frames("workers").last?.data.workers.first?.queues == ["mail"]
                    }

                    // What happens before the hub hears of it is not told: so again until it does.
                    var number = 0
                    func heard(_ call: WatchCall, _ queue: String) -> Bool {
                        call.frames("jobs").contains { frame in
                            frame.data.jobs.contains { $0.queue == queue && $0.event == "cancelled" }
                                && frame.data.counts.contains { $0.queue == queue && $0.counts["cancelled"] ?? 0 > 0 }
                        }
                    }
                    try await eventually("what was cancelled") {
                        for queue in ["mail", "media"] {
                            number += 1
                            let id = "\(queue)-\(number)"
                            _ = try await harness.queue.enqueue(
                                type: "t", payload: [], .queue(queue), .id(JobID(id)), .delay(.seconds(3600)))
                            _ = try await admin.act(
                                .with {
                                    $0.id = id
                                    $0.queue = queue
                                    $0.action = "cancel"
                                }, metadata: bearer(ada))
                        }
                        return heard(all, "mail") && heard(all, "media") && heard(few, "mail") && heard(one, "media")
                    }
                    #expect(few.frames("jobs").flatMap(\.data.jobs).allSatisfy { $0.queue == "mail" })
                    #expect(one.frames("jobs").flatMap(\.data.jobs).allSatisfy { $0.queue == "media" })
                    #expect(one.frames("stats").isEmpty && one.frames("workers").isEmpty)

                    // Whoever comes back with the last id has missed nothing, and others are told that they have.
                    let last = try #require(all.frames.last?.id)
                    let again = WatchCall(client, bearer(ada)) { $0.lastID = last }
                    defer { again.cancel() }
                    #expect(try await again.first("hello").data.resumed)
                    let lost = WatchCall(client, bearer(ada)) { $0.lastID = "ffff-1" }
                    defer { lost.cancel() }
                    #expect(try await lost.first("reset").data.hasMessage)
                    for bad in [
                        { $0.topics = ["all"] }, { $0.queues = ["a b"] },
                        { $0.queues = Array(repeating: "q", count: 101) },
                    ] as [(inout Spanqueue_V1_WatchRequest) -> Void] {
                        #expect(try await WatchCall(client, bearer(ada), bad).end() == "invalidArgument")
                    }
                }
            }
        }
    }

    @Test("every member of a frame has a field, and so is not lost")
    func fields() throws {
        let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
        let queue = try JobQueue(engine: .inMemory(), telemetry: JobTelemetry(), logger: logger)
        let hub = LiveHub(LiveSource(Admin(queue)) { _ in }, logger: logger, boot: "b")
        let viewer = LiveViewer(LiveFilter(), principal: "ada", until: .now, now: .now)
        let at = Timestamp(milliseconds: 1_800_000_000_000)
        let worker = WorkerInfo(
            id: "w", host: "h", pid: 1, queues: ["q"], concurrency: 1, busy: 0, startedAt: at, version: "1")
        let changes: [QueueEvent.Change] = [QueueEvent.Change(kind: .completed, id: "a", type: "t")]
        let contents: [LiveFrame.Content] = [
            .stats([], WorkersByQueue([["q"]]), [worker]), .depth([DepthView(name: "q", ready: [1, 2])]),
            .workers([worker]), .jobs(Feed(QueueEvent(queue: "q", at: at, all: changes))),
            .hello(boot: "b", topics: ["stats"], isResumed: true), .notice(code: "stopping", message: "m"),
            .reset(reason: "r"),
        ]
        var events: [String] = []
        for (number, content) in contents.enumerated() {
            let text = hub.message(of: LiveFrame(UInt64(number), at: at, content), for: viewer)
            let frame: Spanqueue_V1_WatchFrameView = try AdminService.message(json: Array(text.utf8), isStrict: true)
            #expect(frame.id == "b-\(number)" && frame.data.at.seconds == 1_800_000_000)
            events.append(frame.event)
        }
        #expect(events == ["stats", "depth", "workers", "jobs", "hello", "notice", "reset"])
    }

    @Test("there are so many streams of one user, and one that its client gives up makes room")
    func bounded() async throws {
        var edges = try edges()
        edges.live.viewersOfOne = 2
        try await EdgeHarness.with(edges) { harness in
            _ = try await harness.queue.enqueue(type: "t", payload: [], .queue("mail"))
            try await harness.client { client in
                let calls = [WatchCall(client, bearer(ada)), WatchCall(client, bearer(ada))]
                defer { for call in calls { call.cancel() } }
                for call in calls { _ = try await call.first("hello") }
                #expect(try await WatchCall(client, bearer(ada)).end() == "resourceExhausted")
                let other = WatchCall(client, bearer(lim))
                defer { other.cancel() }
                _ = try await other.first("hello")
                calls[0].cancel()
                try await eventually("there is room again") {
                    let next = WatchCall(client, bearer(ada))
                    defer { next.cancel() }
                    return (try? await next.first("hello")) != nil
                }
            }
        }
    }

    @Test("a client that does not read keeps nothing: it is cut off once it may not watch any more")
    func stalled() async throws {
        let token = lim
        let lines = Mutex("lim viewer * \(token.digest)")
        var edges = try edges()
        edges.access = GatewayAccess { lines.withLock { (try? UserList($0)) ?? UserList() } }
        edges.live.viewersOfOne = 1
        edges.live.patience = .milliseconds(200)
        try await EdgeHarness.with(edges) { harness in
            // Frames of some 60 KiB, and a window of 64.
            for number in 0..<200 {
                _ = try await harness.queue.enqueue(
                    type: "t", payload: [], .queue("queue-\(number)-" + String(repeating: "x", count: 80)))
            }
            let narrow = HTTP2ClientTransport.Posix.Config.defaults { $0.http2.targetWindowSize = 65_535 }
            try await withGRPCClient(
                transport: .http2NIOPosix(
                    target: .ipv4(address: "127.0.0.1", port: harness.port), transportSecurity: .plaintext,
                    config: narrow)
            ) { client in
                let reader = Task { [metadata = bearer(token)] in
                    try await Spanqueue_V1_Admin.Client(wrapping: client).watch(
                        .with { $0.topics = ["stats"] }, metadata: metadata
                    ) { _ in try await Task.sleep(for: .seconds(600)) }
                }
                defer { reader.cancel() }
                try await harness.client { other in
                    try await eventually("it watches, and is the only one that may") {
                        let next = WatchCall(other, bearer(token)) { $0.topics = ["stats"] }
                        defer { next.cancel() }
                        return (try? await next.first("hello")) == nil
                    }
                    // So that it has had time to be sent more than it takes.
                    try await Task.sleep(for: .milliseconds(500))
                    lines.withLock { $0 = "lim viewer queue-* \(token.digest)" }
                    try await eventually("there is room again") {
                        let next = WatchCall(other, bearer(token)) { $0.topics = ["stats"] }
                        defer { next.cancel() }
                        return (try? await next.first("hello")) != nil
                    }
                }
            }
        }
    }

    @Test("ends with PERMISSION_DENIED once the user has other rights, and with OK at its time or that of the gateway")
    func ends() async throws {
        let (ada, lim) = (self.ada, self.lim)
        let lines = Mutex("ada admin * \(ada.digest)\nlim viewer mail \(lim.digest)")
        var edges = try edges()
        edges.access = GatewayAccess { lines.withLock { (try? UserList($0)) ?? UserList() } }
        try await EdgeHarness.with(edges) { harness in
            _ = try await harness.queue.enqueue(type: "t", payload: [], .queue("mail"))
            try await harness.client { client in
                let kept = WatchCall(client, bearer(ada))
                defer { kept.cancel() }
                let changed = WatchCall(client, bearer(lim))
                defer { changed.cancel() }
                for call in [kept, changed] { _ = try await call.first("stats") }
                lines.withLock { $0 = "ada admin * \(ada.digest)\nlim viewer media \(lim.digest)" }
                #expect(try await changed.end() == "permissionDenied")
                let gone = WatchCall(client, bearer(lim))
                defer { gone.cancel() }
                _ = try await gone.first("stats")
                lines.withLock { $0 = "ada admin * \(ada.digest)" }
                #expect(try await gone.end() == "permissionDenied")
                let count = kept.frames.count
                try await eventually("the other goes on") { kept.frames.count > count }
                await harness.group.triggerGracefulShutdown()
                #expect(try await kept.end() == "ok")
                #expect(kept.frames.last?.event == "notice" && kept.frames.last?.data.code == "stopping")
            }
        }
        edges.live.stream = .milliseconds(300)
        try await EdgeHarness.with(edges) { harness in
            try await harness.client { client async throws in
                let call = WatchCall(client, bearer(ada))
                defer { call.cancel() }
                #expect(try await call.end() == "ok")
                #expect(call.frames.first?.event == "hello")
            }
        }
    }
}
