// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

package import GRPCCore
import GRPCProtobuf
package import SpanQueue
package import SpanQueueAdmin
package import SpanQueueProto
import SwiftProtobuf

/// `spanqueue.v1.Admin`: what `Admin` shows and does, as the REST interface does it.
///
/// There is one contract: an answer is the JSON that every other interface gives, read into the message that has its members.
package struct AdminService: Spanqueue_V1_Admin.ServiceProtocol {
    private let admin: Admin
    private let live: LiveHub

    /// - Parameter live: runs beside it.
    package init(_ queue: JobQueue, redaction: Redaction = Redaction(), live: LiveHub) {
        var admin = Admin(queue)
        admin.redaction = redaction
        self.admin = admin
        self.live = live
    }

    /// The most that a page has.
    private static let mostPerPage: UInt32 = 200

    // MARK: Queues

    package func listQueues(
        request: ServerRequest<Spanqueue_V1_ListQueuesRequest>, context: ServerContext
    ) async throws -> ServerResponse<Spanqueue_V1_QueuesPageView> {
        try await answer(request, context, .read) { admin, _, asked in
            try await admin.queues(after: asked.cursor.orNil, limit: Self.limit(asked.limit))
        }
    }

    package func getQueue(
        request: ServerRequest<Spanqueue_V1_GetQueueRequest>, context: ServerContext
    ) async throws -> ServerResponse<Spanqueue_V1_QueueView> {
        try await answer(request, context, .read) { admin, _, asked in try await admin.queues([asked.name])[0] }
    }

    package func pauseQueue(
        request: ServerRequest<Spanqueue_V1_PauseQueueRequest>, context: ServerContext
    ) async throws -> ServerResponse<Spanqueue_V1_QueueView> {
        try await answer(request, context, .operate) { admin, principal, asked in
            try NameRule.queue.check(asked.name)
            _ = try await admin.run(.pause(queue: asked.name, reason: asked.reason), as: principal)
            return try await admin.queues([asked.name])[0]
        }
    }

    package func resumeQueue(
        request: ServerRequest<Spanqueue_V1_ResumeQueueRequest>, context: ServerContext
    ) async throws -> ServerResponse<Spanqueue_V1_QueueView> {
        try await answer(request, context, .operate) { admin, principal, asked in
            try NameRule.queue.check(asked.name)
            _ = try await admin.run(.resume(queue: asked.name), as: principal)
            return try await admin.queues([asked.name])[0]
        }
    }

    package func getStats(
        request: ServerRequest<Spanqueue_V1_GetStatsRequest>, context: ServerContext
    ) async throws -> ServerResponse<Spanqueue_V1_StatsView> {
        try await answer(request, context, .read) { admin, _, _ in try await admin.stats() }
    }

    // MARK: Jobs

    package func listJobs(
        request: ServerRequest<Spanqueue_V1_ListJobsRequest>, context: ServerContext
    ) async throws -> ServerResponse<Spanqueue_V1_JobsView> {
        try await answer(request, context, .read) { admin, principal, asked in
            let page = try await admin.search(
                Self.filter(asked.filter), cursor: asked.cursor.orNil, limit: Self.limit(asked.limit))
            return page.view(JobView.Shown(to: principal, admin.redaction))
        }
    }

    package func describeJob(
        request: ServerRequest<Spanqueue_V1_DescribeJobRequest>, context: ServerContext
    ) async throws -> ServerResponse<Spanqueue_V1_JobView> {
        try await answer(request, context, .read) { admin, principal, asked in
            JobView(try await Self.record(asked, admin), JobView.Shown(to: principal, admin.redaction))
        }
    }

    package func getPayload(
        request: ServerRequest<Spanqueue_V1_DescribeJobRequest>, context: ServerContext
    ) async throws -> ServerResponse<Spanqueue_V1_PayloadView> {
        try await answer(request, context, .payload) { admin, _, asked in
            let record = try await Self.record(asked, admin)
            try admin.redaction.check(record.message.payload)
            return PayloadView(record)
        }
    }

    package func getResult(
        request: ServerRequest<Spanqueue_V1_DescribeJobRequest>, context: ServerContext
    ) async throws -> ServerResponse<Spanqueue_V1_ResultView> {
        try await answer(request, context, .payload) { admin, _, asked in
            let record = try await Self.record(asked, admin)
            try admin.redaction.check(record.run.result ?? [])
            return ResultView(record)
        }
    }

    package func act(
        request: ServerRequest<Spanqueue_V1_ActRequest>, context: ServerContext
    ) async throws -> ServerResponse<Spanqueue_V1_JobActionView> {
        // To remove one needs more: `run` looks.
        try await answer(request, context, nil) { admin, principal, asked in
            let action = try JobAction.named(asked.action, reason: asked.reason.orNil)
            let id = try JobID(asked.id)
            let state = try asked.ifState.orNil.map(Self.state)
            try principal.require(Operation.act(action, id, queue: nil).scope)
            let record = try await admin.record(id, in: Self.queue(asked.queue))
            return try await admin.run(
                .act(action, id, queue: record.message.queue), as: principal, ifStill: state)
        }
    }

    // MARK: Many jobs

    package func previewBulk(
        request: ServerRequest<Spanqueue_V1_BulkRequest>, context: ServerContext
    ) async throws -> ServerResponse<Spanqueue_V1_BulkPreviewView> {
        try await answer(request, context, .admin) { admin, _, asked in
            BulkPreviewView(try await admin.preview(try await Self.order(asked, admin)))
        }
    }

    package func bulkAct(
        request: ServerRequest<Spanqueue_V1_BulkActRequest>, context: ServerContext
    ) async throws -> StreamingServerResponse<Spanqueue_V1_BulkCountsView> {
        let principal = GatewayCaller.current.principal
        let admin = admin.visible(to: principal)
        let asked = request.message
        let order = try await Unary.run(context) {
            try principal.require(.admin)
            return try await Self.order(asked, admin)
        }
        return StreamingServerResponse { writer in
            do { try await Self.perform(order, admin, principal, context, writer) } catch {
                throw GatewayError(error, queue: order.filter.queue).status
            }
            return [:]
        }
    }

    private enum Part { case done, gone, told }

    private static func perform(
        _ order: BulkOrder, _ admin: Admin, _ principal: Principal, _ context: ServerContext,
        _ writer: RPCWriter<Spanqueue_V1_BulkCountsView>
    ) async throws {
        let progress = BulkProgress()
        @Sendable func tell() async throws {
            try await writer.write(message(BulkCountsView(progress.counts), admin.redaction))
        }
        try await withThrowingTaskGroup(of: Part.self) { group in
            group.addTask {
                _ = try await admin.run(.bulk(order), as: principal, progress: progress)
                return .done
            }
            group.addTask {
                // It is stopped, not cut off: the journal is told how far it came.
                if (try? await context.cancellation.cancelled) != nil { progress.stop() }
                return .gone
            }
            group.addTask {
                while !Task.isCancelled, !progress.isStopped {
                    try? await Task.sleep(for: .seconds(1))
                    guard !Task.isCancelled else { break }
                    do { try await tell() } catch { progress.stop() }
                }
                return .told
            }
            for try await part in group where part == .done { group.cancelAll() }
        }
        try await tell()
    }

    /// How old what was shown may be.
    private static let previewLifetime = Duration.seconds(300)

    private static func order(_ asked: Spanqueue_V1_BulkRequest, _ admin: Admin) async throws -> BulkOrder {
        try await admin.order(JobAction.named(asked.action, reason: asked.reason.orNil), filter(asked.filter))
    }

    private static func order(_ asked: Spanqueue_V1_BulkActRequest, _ admin: Admin) async throws -> BulkOrder {
        guard asked.hasNotAfter else { throw GatewayError.invalid("not_after: pass on that of a preview") }
        let now = try await order(asked.request, admin)
        let moment = asked.notAfter.value
        guard moment <= now.notAfter, now.notAfter - moment <= previewLifetime else {
            throw GatewayError(
                .failedPrecondition, "invalid_state", "the preview is older than five minutes: look at another")
        }
        return try BulkOrder(now.action, now.filter, notAfter: moment)
    }

    // MARK: Workers and journal

    package func listWorkers(
        request: ServerRequest<Spanqueue_V1_ListWorkersRequest>, context: ServerContext
    ) async throws -> ServerResponse<Spanqueue_V1_WorkersView> {
        try await answer(request, context, .read) { admin, _, _ in WorkersView(workers: try await admin.workers()) }
    }

    package func journal(
        request: ServerRequest<Spanqueue_V1_JournalRequest>, context: ServerContext
    ) async throws -> ServerResponse<Spanqueue_V1_JournalPageView> {
        try await answer(request, context, .read) { admin, _, asked in
            try await admin.journal(
                JournalFilter(
                    by: asked.by.orNil, action: asked.action.orNil, queue: asked.queue.orNil, target: asked.target.orNil
                ),
                cursor: asked.cursor.orNil, limit: Self.limit(asked.limit))
        }
    }

    package func exportJournal(
        request: ServerRequest<Spanqueue_V1_ExportJournalRequest>, context: ServerContext
    ) async throws -> StreamingServerResponse<Spanqueue_V1_JournalDeedView> {
        let asked = request.message
        let filter = JournalFilter(
            by: asked.by.orNil, action: asked.action.orNil, queue: asked.queue.orNil, target: asked.target.orNil)
        return try stream { admin, writer in
            var cursor: String?
            repeat {
                let page = try await admin.journal(filter, cursor: cursor, limit: 500)
                for deed in page.deeds { try await writer.write(Self.message(deed, admin.redaction)) }
                cursor = page.cursor
            } while cursor != nil && !context.cancellation.isCancelled
        }
    }

    // MARK: What went wrong, and why

    package func getHistory(
        request: ServerRequest<Spanqueue_V1_GetHistoryRequest>, context: ServerContext
    ) async throws -> ServerResponse<Spanqueue_V1_HistoryView> {
        try await answer(request, context, .read) { admin, _, asked in
            let resolution = try HistoryResolution(asked.resolution.orNil ?? HistoryResolution.minute.name)
            let last = asked.last == 0 ? 60 : Int(asked.last)
            guard last <= resolution.slots else {
                throw GatewayError.invalid("last: use 1 to \(resolution.slots), or 0 for 60")
            }
            return try await admin.history(of: Self.queue(asked.queue), resolution, last: last)
        }
    }

    package func listTypes(
        request: ServerRequest<Spanqueue_V1_ListTypesRequest>, context: ServerContext
    ) async throws -> ServerResponse<Spanqueue_V1_TypesView> {
        try await answer(request, context, .read) { admin, _, asked in
            try await admin.types(in: Self.queue(asked.queue))
        }
    }

    package func listErrors(
        request: ServerRequest<Spanqueue_V1_ListErrorsRequest>, context: ServerContext
    ) async throws -> ServerResponse<Spanqueue_V1_ErrorGroupsView> {
        try await answer(request, context, .read) { admin, _, asked in
            try await admin.errors(
                in: Self.queue(asked.queue), type: asked.type.orNil, limit: Self.limit(asked.limit))
        }
    }

    package func getError(
        request: ServerRequest<Spanqueue_V1_GetErrorRequest>, context: ServerContext
    ) async throws -> ServerResponse<Spanqueue_V1_ErrorGroupView> {
        try await answer(request, context, .read) { admin, _, asked in
            let fingerprint = try SpanQueueAdmin.JobFilter.fingerprint(asked.fingerprint)
            return try await admin.error(fingerprint, in: Self.queue(asked.queue))
        }
    }

    package func getTrace(
        request: ServerRequest<Spanqueue_V1_DescribeJobRequest>, context: ServerContext
    ) async throws -> ServerResponse<Spanqueue_V1_TraceView> {
        try await answer(request, context, .read) { admin, _, asked in
            TraceView(try await admin.trace(JobID(asked.id), in: Self.queue(asked.queue)))
        }
    }

    package func explainJob(
        request: ServerRequest<Spanqueue_V1_DescribeJobRequest>, context: ServerContext
    ) async throws -> ServerResponse<Spanqueue_V1_ExplanationView> {
        try await answer(request, context, .read) { admin, _, asked in
            try await admin.explain(JobID(asked.id), in: Self.queue(asked.queue))
        }
    }

    package func explainQueue(
        request: ServerRequest<Spanqueue_V1_GetQueueRequest>, context: ServerContext
    ) async throws -> ServerResponse<Spanqueue_V1_ExplanationView> {
        try await answer(request, context, .read) { admin, _, asked in try await admin.explain(queue: asked.name) }
    }

    package func getSession(
        request: ServerRequest<Spanqueue_V1_GetSessionRequest>, context: ServerContext
    ) async throws -> ServerResponse<Spanqueue_V1_SessionView> {
        try await answer(request, context, nil) { _, principal, _ in SessionView(principal) }
    }

    // MARK: What happens

    private enum WatchPart { case written, gone, late }

    package func watch(
        request: ServerRequest<Spanqueue_V1_WatchRequest>, context: ServerContext
    ) async throws -> StreamingServerResponse<Spanqueue_V1_WatchFrameView> {
        let caller = GatewayCaller.current
        let asked = request.message
        return try stream { [live] _, writer in
            let filter = try LiveFilter(
                topics: asked.topics.isEmpty ? nil : asked.topics,
                queues: asked.queues.isEmpty ? nil : asked.queues, visible: caller.principal.queues)
            let viewer = try live.join(
                filter, after: asked.lastID.orNil, as: caller.name, while: caller.isUnchanged)
            defer { live.leave(viewer) }
            try await withThrowingTaskGroup(of: WatchPart.self) { group in
                group.addTask {
                    while let items = await viewer.next() {
                        for case .frame(let frame) in items {
                            // Not where workers are served: it may be much.
                            let answer: Spanqueue_V1_WatchFrameView = try await withTaskExecutorPreference(
                                globalConcurrentExecutor
                            ) {
                                try Self.message(json: Array(live.message(of: frame, for: viewer).utf8))
                            }
                            try await writer.write(answer)
                        }
                    }
                    return .written
                }
                group.addTask {
                    // The caller goes away, or the gateway ends.
                    _ = try? await context.cancellation.cancelled
                    viewer.finish()
                    return .gone
                }
                group.addTask { [patience = live.limits.patience] in
                    // Who does not read is not waited for.
                    while !viewer.isEnded { try await Task.sleep(for: min(patience, .seconds(1))) }
                    try await Task.sleep(for: patience)
                    return .late
                }
                defer { group.cancelAll() }
                for try await part in group where part != .gone { break }
            }
            guard caller.isUnchanged() else { throw GatewayError.forbidden("\(caller.name) has other rights by now") }
        }
    }

    // MARK: Questions and answers

    /// - Parameter body: writes the answers; what it throws is the status.
    private func stream<Answer: Message>(
        _ body: @escaping @Sendable (Admin, RPCWriter<Answer>) async throws -> Void
    ) throws -> StreamingServerResponse<Answer> {
        let principal = GatewayCaller.current.principal
        let admin = admin.visible(to: principal)
        do { try principal.require(.read) } catch { throw GatewayError(error).status }
        return StreamingServerResponse { writer in
            do { try await body(admin, writer) } catch { throw GatewayError(error).status }
            return [:]
        }
    }

    /// - Parameter scope: what the caller needs; nil where the body asks that.
    private func answer<Asked: Sendable, View: Encodable & Sendable, Answer: Message>(
        _ request: ServerRequest<Asked>, _ context: ServerContext, _ scope: Scope?,
        _ body: @escaping @Sendable (Admin, Principal, Asked) async throws -> View
    ) async throws -> ServerResponse<Answer> {
        let principal = GatewayCaller.current.principal
        let admin = admin.visible(to: principal)
        let asked = request.message
        let message: Answer = try await Unary.run(context) {
            if let scope { try principal.require(scope) }
            return try Self.message(await body(admin, principal, asked), admin.redaction)
        }
        return ServerResponse(message: message)
    }

    /// A view as the message that has its members. What the message has no field for is left out: a test compares them.
    static func message<Answer: Message>(
        _ view: some Encodable, _ redaction: Redaction, isStrict: Bool = false
    ) throws -> Answer {
        var json = try AdminJSON.encode(view)
        if !redaction.isEmpty { json = redaction.masked(answer: json) }
        return try message(json: Array(json), isStrict: isStrict)
    }

    /// The same of JSON that is masked.
    static func message<Answer: Message>(json: [UInt8], isStrict: Bool = false) throws -> Answer {
        var options = JSONDecodingOptions()
        options.ignoreUnknownFields = !isStrict
        return try Answer(jsonUTF8Bytes: json, options: options)
    }

    private static func record(_ asked: Spanqueue_V1_DescribeJobRequest, _ admin: Admin) async throws -> JobRecord {
        try await admin.record(JobID(asked.id), in: queue(asked.queue))
    }

    private static func limit(_ asked: UInt32) throws(GatewayError) -> Int {
        guard asked <= mostPerPage else { throw .invalid("limit: use 1 to \(mostPerPage), or 0 for 50") }
        return asked == 0 ? 50 : Int(asked)
    }

    private static func queue(_ name: String) throws(SpanQueueError) -> String? {
        guard let name = name.orNil else { return nil }
        try NameRule.queue.check(name)
        return name
    }

    private static func state(_ word: String) throws(GatewayError) -> JobState {
        let state = JobState(rawValue: word)
        guard JobState.known.contains(state) else {
            throw .invalid("state: use one of \(JobState.known.map(\.rawValue).joined(separator: ", "))")
        }
        return state
    }

    private static func filter(_ asked: Spanqueue_V1_JobFilter) throws -> SpanQueueAdmin.JobFilter {
        guard asked.tags.count <= 16 else { throw GatewayError.invalid("tags: at most 16") }
        return SpanQueueAdmin.JobFilter(
            queue: try queue(asked.queue), state: try asked.state.orNil.map(state), type: asked.type.orNil,
            tags: asked.tags, id: asked.id.orNil, error: asked.error.orNil,
            fingerprint: try asked.fingerprint.orNil.map { try SpanQueueAdmin.JobFilter.fingerprint($0) },
            since: try asked.since.orNil.map { try TimeBound($0, "since") },
            until: try asked.until.orNil.map { try TimeBound($0, "until") })
    }
}

extension String {
    /// What proto3 can't tell from a text that is not there.
    fileprivate var orNil: String? { isEmpty ? nil : self }
}
