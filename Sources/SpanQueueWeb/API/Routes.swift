// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

internal import CSpanQueueWeb
internal import Foundation
internal import HTTPTypes
internal import SpanQueue
internal import SpanQueueAdmin
internal import SpanQueueTelemetry
internal import Tracing

/// All there is under `/api/v1`. The description, `Assets/openapi.json`, has the same; a test compares them both ways.
enum Routes {
    static let all: [Route] = reads + actions + [enqueue] + bulkActions + journal + session

    /// A reason and a little more.
    private static let smallBody = 16 << 10
    /// A batch of a thousand jobs, or one whose payload is the largest that fits.
    private static let largeBody = 3 << 19
    /// The most jobs of one request.
    private static let largestBatch = 1000

    // MARK: Reading

    private static let reads: [Route] = [
        Route(method: .get, path: "/api/v1/openapi.json", scope: .read) { _, _ in
            Reply(body: description, contentType: "application/json")
        },
        Route(method: .get, path: "/api/v1/stats", scope: .read) { admin, _ in try .json(await admin.stats()) },
        Route(method: .get, path: "/api/v1/queues", scope: .read, parameters: ["limit", "cursor"]) { admin, call in
            try .json(await admin.queues(after: call.value("cursor"), limit: call.limit()))
        },
        Route(method: .get, path: "/api/v1/queues/{queue}", scope: .read) { admin, call in
            try .json(await admin.queues([call.queue()])[0])
        },
        Route(method: .get, path: "/api/v1/history", scope: .read, parameters: ["resolution", "last"]) { admin, call in
            try await history(of: nil, admin, call)
        },
        Route(
            method: .get, path: "/api/v1/queues/{queue}/history", scope: .read, parameters: ["resolution", "last"]
        ) { admin, call in try await history(of: call.queue(), admin, call) },
        Route(method: .get, path: "/api/v1/workers", scope: .read) { admin, _ in
            try .json(WorkersView(workers: await admin.workers()))
        },
        Route(
            method: .get, path: "/api/v1/errors", scope: .read, parameters: ["queue", "type", "limit"]
        ) { admin, call in
            try .json(await admin.errors(in: call.queueOfJob(), type: call.value("type"), limit: call.limit()))
        },
        Route(
            method: .get, path: "/api/v1/errors/{fingerprint}", scope: .read, parameters: ["queue"]
        ) { admin, call in
            let fingerprint = try JobFilter.fingerprint(call.places["fingerprint"] ?? "")
            return try .json(await admin.error(fingerprint, in: call.queueOfJob()))
        },
        Route(method: .get, path: "/api/v1/types", scope: .read, parameters: ["queue"]) { admin, call in
            try .json(await admin.types(in: call.queueOfJob()))
        },
        Route(
            method: .get, path: Route.events, scope: .read, parameters: ["topics", "queues", "last_event_id"]
        ) { _, call in Reply(viewer: try call.viewer()) },
        Route(
            method: .get, path: "/api/v1/jobs", scope: .read,
            parameters: [
                "queue", "state", "type", "tag", "id", "error", "fingerprint", "since", "until", "limit", "cursor",
            ]
        ) { admin, call in
            let page = try await admin.search(filter(call), cursor: call.value("cursor"), limit: call.limit())
            return try .json(page.view(call.shown))
        },
        Route(method: .get, path: "/api/v1/jobs/{id}", scope: .read, parameters: ["queue"]) { admin, call in
            let record = try await admin.record(call.id(), in: call.queueOfJob())
            let tag = EntityTag.of(record, call.redaction)
            if let known = call.headers[.ifNoneMatch], EntityTag.list(known, names: tag) {
                return Reply(status: .notModified, body: nil, headers: [.eTag: tag])
            }
            return try .json(JobView(record, call.shown), .ok, [.eTag: tag])
        },
        Route(method: .get, path: "/api/v1/jobs/{id}/trace", scope: .read, parameters: ["queue"]) { admin, call in
            try .json(TraceView(await admin.trace(call.id(), in: call.queueOfJob())))
        },
        Route(method: .get, path: "/api/v1/jobs/{id}/explain", scope: .read, parameters: ["queue"]) { admin, call in
            try .json(await admin.explain(call.id(), in: call.queueOfJob()))
        },
        Route(method: .get, path: "/api/v1/jobs/{id}/payload", scope: .payload, parameters: ["queue"]) { admin, call in
            let record = try await admin.record(call.id(), in: call.queueOfJob())
            try call.redaction.check(record.message.payload)
            try await noteLook("payload", call, admin, queue: record.message.queue)
            return try .json(PayloadView(record))
        },
        Route(method: .get, path: "/api/v1/jobs/{id}/result", scope: .payload, parameters: ["queue"]) { admin, call in
            let record = try await admin.record(call.id(), in: call.queueOfJob())
            try call.redaction.check(record.run.result ?? [])
            try await noteLook("result", call, admin, queue: record.message.queue)
            return try .json(ResultView(record))
        },
    ]

    private static func history(of queue: String?, _ admin: Admin, _ call: Call) async throws -> Reply {
        let resolution = try HistoryResolution(call.value("resolution") ?? HistoryResolution.minute.name)
        let text = try call.value("last") ?? "60"
        guard let last = Int(text), (1...resolution.slots).contains(last) else {
            throw Problem.invalid("last: use a whole number, 1 to \(resolution.slots)")
        }
        return try .json(await admin.history(of: queue, resolution, last: last))
    }

    private static func filter(_ call: Call) throws -> JobFilter {
        var filter = JobFilter(
            queue: try call.queueOfJob(), type: try call.value("type"),
            tags: call.query.filter { $0.name == "tag" }.map(\.value), id: try call.value("id"),
            error: try call.value("error"),
            fingerprint: try call.value("fingerprint").map(JobFilter.fingerprint),
            since: try call.value("since").map { try TimeBound($0, "since") },
            until: try call.value("until").map { try TimeBound($0, "until") })
        guard filter.tags.count <= 16 else { throw Problem.invalid("tag: at most 16") }
        filter.state = try call.value("state").map(state)
        return filter
    }

    static func state(_ word: String) throws -> JobState {
        let state = JobState(rawValue: word)
        guard JobState.known.contains(state) else {
            let known = JobState.known.map(\.rawValue).joined(separator: ", ")
            throw Problem.invalid("state: use one of \(known)")
        }
        return state
    }

    private static var description: Data {
        var size = 0
        return Data(
            bytesNoCopy: UnsafeMutableRawPointer(mutating: spanqueue_web_openapi(&size)), count: size,
            deallocator: .none)
    }

    // MARK: Acting

    private static let actions: [Route] = [
        Route(method: .patch, path: "/api/v1/queues/{queue}", scope: .operate, bodyLimit: smallBody) { admin, call in
            let members = try call.members(["paused", "reason"])
            let name = try call.queue()
            let reason = try Call.text(members["reason"]) ?? ""
            switch members["paused"].map({ String(decoding: $0.value, as: UTF8.self) }) {
            case "true":
                _ = try await admin.run(.pause(queue: name, reason: reason), as: call.principal)
            case "false": _ = try await admin.run(.resume(queue: name), as: call.principal)
            default: throw Problem.invalid("paused: write true or false")
            }
            return try .json(await admin.queues([name])[0])
        },
        action("cancel") { .cancel(reason: $0 ?? "") },
        action("redrive", takesReason: false) { _ in .redrive },
        action("bury") { .bury(reason: $0 ?? DeadReason.manual.rawValue) },
        Route(method: .delete, path: "/api/v1/jobs/{id}", scope: .admin, parameters: ["queue"]) { admin, call in
            try await act(.remove, admin, call)
        },
    ]

    private static func action(
        _ word: String, takesReason: Bool = true, _ make: @escaping @Sendable (_ reason: String?) -> JobAction
    ) -> Route {
        Route(
            method: .post, path: "/api/v1/jobs/{id}/\(word)", scope: .operate, parameters: ["queue"],
            bodyLimit: smallBody
        ) { admin, call in
            let members = try call.members(takesReason ? ["reason"] : [])
            return try await act(make(Call.text(members["reason"])), admin, call)
        }
    }

    private static func act(_ action: JobAction, _ admin: Admin, _ call: Call) async throws -> Reply {
        let id = try call.id()
        let record = try await admin.record(id, in: call.queueOfJob())
        let tag = EntityTag.of(record, call.redaction)
        let moved = Problem(
            .preconditionFailed, "precondition_failed", "job \(id) has moved since you looked: look again")
        let seen = call.headers[.ifMatch]
        if let seen, !EntityTag.list(seen, names: tag) { throw moved }
        do {
            // Between the look and the deed it may move once more.
            return try .json(
                await admin.run(
                    .act(action, id, queue: record.message.queue), as: call.principal,
                    ifStill: seen == nil ? nil : record.state))
        } catch let error as SpanQueueError where seen != nil && error.code == .invalidState {
            let now = try await admin.record(id, in: record.message.queue)
            throw EntityTag.of(now, call.redaction) == tag ? error : moved
        }
    }

    // MARK: Enqueueing

    private static let enqueue = Route(
        method: .post, path: "/api/v1/jobs", scope: .produce, bodyLimit: largeBody
    ) { admin, call in
        let isBatch = call.body.first { $0 != 0x20 && $0 != 0x09 && $0 != 0x0A && $0 != 0x0D } == UInt8(ascii: "[")
        let key = try idempotencyKey(call)
        guard isBatch else {
            let request = try request(call.body, id: key.map { try JobID($0) })
            let results = try await inTrace(of: call) { try await admin.enqueue([request], as: call.principal) }
            guard let result = results.first else { throw SpanQueueError(.engine, "there is no answer for the job") }
            if case .failure(let error) = result, error.code == .conflict, key != nil {
                throw Problem(
                    .unprocessableContent, error.code.rawValue,
                    "the Idempotency-Key was used for another job: use a new one for each job")
            }
            let receipt = try result.get()
            return try .json(
                ReceiptView(receipt), receipt.isDuplicate ? .ok : .created,
                [.location: "/api/v1/jobs/\(receipt.id)?queue=\(receipt.queue)"])
        }
        return try await enqueueAll(admin, call, key)
    }

    private static func enqueueAll(_ admin: Admin, _ call: Call, _ key: String?) async throws -> Reply {
        let texts: [ArraySlice<UInt8>]
        do {
            texts = try StrictJSON.elements(of: call.body)
        } catch {
            throw Problem.invalid("the body is not a JSON array of jobs: \(error)")
        }
        guard (1...largestBatch).contains(texts.count) else {
            throw Problem.invalid("\(texts.count) jobs: send 1 to \(largestBatch) at a time")
        }
        var results: [ReceiptsView.Result?] = []
        var requests: [EnqueueRequest] = []
        for (index, text) in texts.enumerated() {
            do {
                requests.append(try request(Array(text), id: key.map { try JobID("\($0)-\(index)") }))
                results.append(nil)
            } catch let error as SpanQueueError {
                results.append(.refused(RefusalView(line: index + 1, error)))
            }
        }
        let requested = requests
        let answers = try await inTrace(of: call) { try await admin.enqueue(requested, as: call.principal) }
        for (index, answer) in zip(results.indices.filter { results[$0] == nil }, answers) {
            switch answer {
            case .success(let receipt): results[index] = .done(ReceiptView(receipt))
            case .failure(let error): results[index] = .refused(RefusalView(line: index + 1, error))
            }
        }
        return try .json(ReceiptsView(results: results.compactMap(\.self)))
    }

    private static func request(_ text: [UInt8], id: JobID?) throws -> EnqueueRequest {
        var draft = try JobDraft(text)
        if let id {
            guard draft.options.id == nil else {
                throw SpanQueueError(.invalidArgument, "id and Idempotency-Key exclude each other: give one of them")
            }
            draft.options.id = id.description
        }
        return try draft.request()
    }

    /// An id that the key alone makes, so that the same request twice is the same job, by the engine's own rules.
    private static func idempotencyKey(_ call: Call) throws -> String? {
        guard let key = call.headers[.idempotencyKey] else { return nil }
        guard (1...255).contains(key.utf8.count), key.utf8.allSatisfy({ (0x20...0x7E).contains($0) }) else {
            throw Problem.invalid("Idempotency-Key: use 1 to 255 printable characters of ASCII")
        }
        let digest = Digest.sha256(Array("\(call.principal.name)\0\(key)".utf8))
        return Array(digest.prefix(16)).hexadecimal
    }

    /// Makes what is enqueued part of the caller's trace, where the request names one.
    private static func inTrace<Result>(of call: Call, _ body: () async throws -> Result) async throws -> Result {
        guard let parent = call.headers[.traceparent],
            let trace = TraceContext(
                traceParent: parent, traceState: call.headers[.tracestate], baggage: call.headers[.baggage])
        else { return try await body() }
        var context = ServiceContext.topLevel
        context.traceContext = trace
        return try await ServiceContext.$current.withValue(context) { try await body() }
    }
}

extension RefusalView {
    fileprivate init(line: Int, _ error: SpanQueueError) {
        self.init(line: line, code: error.code.rawValue, message: error.message)
    }
}
