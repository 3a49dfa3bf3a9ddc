// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import GRPCCore
package import SpanQueue
import SpanQueueProto
import SwiftProtobuf

extension GatewayEngine {
    /// How often is looked again, where what is looked at may be moving.
    private static let looks = 100
    private static let mostPerPage = 200

    // MARK: Jobs

    /// By `GetJob`, and from the engine behind: its history.
    package func job(_ id: JobID, in queue: String?) async throws -> JobRecord? {
        let message = Wire.GetJobRequest.with {
            $0.id = id.description
            $0.queue = queue ?? ""
            $0.withPayload = true
        }
        for _ in 0..<Self.looks {
            let told = try await Self.found {
                try await call { try await $0.producer.getJob(message, options: Self.options) }
            }
            switch (told, try await behind.job(id, in: queue)) {
            case (nil, nil): return nil
            case (let told?, let record?) where told.tells(record): return record
            default: continue
            }
        }
        throw Self.wrong("what job \(id) is")
    }

    /// Nil where there is no such thing.
    private static func found<Answer>(_ body: () async throws -> Answer) async throws -> Answer? {
        do {
            return try await body()
        } catch let error as SpanQueueError where error.code == .notFound {
            return nil
        }
    }

    /// By `ListJobs`, which has jobs that ended with the newest first; in the other order from the engine behind.
    package func list(_ request: ListRequest) async throws -> ListPage {
        guard request.newestFirst == request.state.isNewestFirst else { return try await behind.list(request) }
        let page = try await search(
            SearchRequest(
                queue: request.queue, state: request.state, query: JobQuery(), cursor: request.cursor,
                limit: request.limit, newestFirst: request.newestFirst))
        return ListPage(jobs: page.jobs, cursor: page.cursor)
    }

    /// In the same way. What is looked for to be acted on is looked for by the engine behind.
    package func search(_ request: SearchRequest) async throws -> SearchPage {
        guard request.newestFirst == request.state.isNewestFirst, !request.isForAction else {
            return try await tap.searcher.search(request)
        }
        let query = request.query
        let message = Spanqueue_V1_ListJobsRequest.with {
            $0.filter.queue = request.queue
            $0.filter.state = request.state.rawValue
            $0.filter.type = query.type ?? ""
            $0.filter.tags = query.tags
            $0.filter.id = query.idPrefix ?? ""
            $0.filter.error = query.error ?? ""
            $0.filter.fingerprint = query.fingerprint.map(Self.hexadecimal) ?? ""
            $0.filter.since = query.since.map(\.description) ?? ""
            $0.filter.until = query.until.map(\.description) ?? ""
            $0.limit = UInt32(min(request.limit, Self.mostPerPage))
            $0.cursor = request.cursor ?? ""
        }
        let answer = try await Self.found {
            try await call { try await $0.admin.listJobs(message, options: Self.options) }
        }
        guard let told = answer else { return SearchPage(jobs: [], cursor: nil, scanned: 0) }
        var page = SearchPage(jobs: [], cursor: told.hasCursor ? told.cursor : nil, scanned: Int(told.scanned))
        for view in told.jobs {
            // It may have moved on meanwhile.
            guard let record = try await behind.job(JobID(unchecked: view.id), in: request.queue),
                record.state == request.state
            else { continue }
            guard view.tells(record) else { throw Self.wrong("what job \(view.id) is, in a list") }
            page.jobs.append(record)
        }
        return page
    }

    private static func hexadecimal(_ number: UInt64) -> String {
        let digits = String(number, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    // MARK: Queues

    package func queues() async throws -> [String] {
        var names: [String] = []
        var message = Spanqueue_V1_ListQueuesRequest()
        message.limit = UInt32(Self.mostPerPage)
        repeat {
            let page = try await call { [message] in try await $0.admin.listQueues(message, options: Self.options) }
            names += page.queues.map(\.name)
            message.cursor = page.hasCursor ? page.cursor : ""
        } while !message.cursor.isEmpty
        return names
    }

    /// By `GetQueue`. What it does not know is an empty queue to an engine.
    package func counts(of queues: [String]) async throws -> [QueueCounts] {
        var counts: [QueueCounts] = []
        for name in queues {
            let message = Spanqueue_V1_GetQueueRequest.with { $0.name = name }
            let view = try await Self.found {
                try await call { try await $0.admin.getQueue(message, options: Self.options) }
            }
            counts.append(QueueCounts(view ?? .with { $0.name = name }))
        }
        return counts
    }

    /// By `ListWorkers`, and from the engine behind: the types that they have handlers for.
    package func workers() async throws -> [WorkerInfo] {
        for _ in 0..<Self.looks {
            let told = try await call { try await $0.admin.listWorkers(.init(), options: Self.options) }.workers
            let known = try await behind.workers().sorted { $0.id < $1.id }
            let workers = zip(told, known).map { view, worker in
                WorkerInfo(
                    id: view.id, host: view.host, pid: Int(view.pid), queues: view.queues,
                    concurrency: Int(view.concurrency), busy: Int(view.busy), startedAt: view.startedAt.moment,
                    version: view.version, types: worker.types)
            }
            if told.count == known.count, workers == known { return workers }
        }
        throw Self.wrong("who works")
    }

    // MARK: Actions

    package func pause(_ queue: String, note: OperatorNote) async throws -> Bool {
        let message = Spanqueue_V1_PauseQueueRequest.with {
            $0.name = queue
            $0.reason = note.reason
        }
        let metadata = NameInterceptor.metadata(note.by)
        return try await Self.found {
            try await call { try await $0.admin.pauseQueue(message, metadata: metadata, options: Self.options) }
        } != nil
    }

    package func resume(_ queue: String) async throws -> Bool {
        let message = Spanqueue_V1_ResumeQueueRequest.with { $0.name = queue }
        return try await Self.found {
            try await call { try await $0.admin.resumeQueue(message, options: Self.options) }
        } != nil
    }

    /// A cancel by `CancelJob`, the rest by `Act`.
    package func perform(
        _ action: JobAction, on id: JobID, in queue: String, by: String?
    ) async throws -> ActionOutcome {
        let metadata = NameInterceptor.metadata(by)
        do {
            guard case .cancel(let reason) = action else {
                let message = Spanqueue_V1_ActRequest.with {
                    $0.id = id.description
                    $0.queue = queue
                    $0.action = action.word
                    if case .bury(let reason) = action { $0.reason = reason }
                }
                let view = try await call { try await $0.admin.act(message, metadata: metadata, options: Self.options) }
                guard view.id == id.description else { throw Self.wrong("whom it has acted on") }
                return .done(view.hasState ? JobState(rawValue: view.state) : nil)
            }
            let message = Wire.CancelJobRequest.with {
                $0.id = id.description
                $0.queue = queue
                $0.reason = reason
            }
            let reply = try await call {
                try await $0.producer.cancelJob(message, metadata: metadata, options: Self.options)
            }
            switch reply.outcome {
            case .requested where reply.state == .active: return .requested
            case .done: return .done(reply.state.state)
            default: throw Self.wrong("what a cancel did")
            }
        } catch let error as SpanQueueError {
            return try Self.outcome(of: error, on: id)
        }
    }

    /// What an action did that was refused, as its status says.
    private static func outcome(of error: SpanQueueError, on id: JobID) throws(SpanQueueError) -> ActionOutcome {
        func word(after beginning: String, to end: Character) -> String? {
            error.message.hasPrefix(beginning)
                ? String(error.message.dropFirst(beginning.count).prefix { $0 != end }) : nil
        }
        switch error.code {
        case .notFound: return .notFound
        case .invalidState:
            guard let state = word(after: "job \(id) is ", to: ":") else { throw error }
            return .invalidState(JobState(rawValue: state))
        case .conflict:
            guard let owner = word(after: "job \(id) is unique and job ", to: " ") else { throw error }
            return .duplicate(of: JobID(unchecked: owner))
        default: throw error
        }
    }
}
