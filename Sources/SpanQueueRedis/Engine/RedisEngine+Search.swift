// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import HiredisClient
import SpanQueue

extension RedisEngine: JobSearcher {
    func search(_ request: SearchRequest) async throws -> SearchPage {
        guard let places = keys(request.queue).places(of: request.state) else {
            return SearchPage(jobs: [], cursor: nil, scanned: 0)
        }
        let step = try await step(request, places)
        let jobs = try await records(step.ids, in: request.queue, state: request.state).filter(request.query.matches)
        return SearchPage(jobs: jobs, cursor: step.isEnd ? nil : step.cursor, scanned: step.scanned)
    }

    /// The ids of a step.
    func step(_ request: SearchRequest, _ places: (set: String, list: String?)) async throws -> WalkStep {
        guard request.isForAction, request.state == .ready, let list = places.list else {
            return try await walk(request, set: places.set, list: places.list)
        }
        return try await walkLifting(request, set: places.set, list: list)
    }

    func types(_ request: SearchRequest) async throws -> TypePage {
        guard let places = keys(request.queue).places(of: request.state) else {
            return TypePage(counts: [:], cursor: nil, scanned: 0)
        }
        let step = try await walk(request, set: places.set, list: places.list, namesTypes: true)
        let counts = Dictionary(step.ids.map { ($0.description, 1) }, uniquingKeysWith: +)
        return TypePage(counts: counts, cursor: step.isEnd ? nil : step.cursor, scanned: step.scanned)
    }

    /// A page of ids in order, and where the next one begins.
    struct WalkStep {
        var cursor: String
        var isEnd: Bool
        var scanned: Int
        var ids: [JobID]
    }

    /// - Parameter namesTypes: whether types are named in the place of ids.
    func walk(
        _ request: SearchRequest, set: String, list: String?, namesTypes: Bool = false
    ) async throws -> WalkStep {
        let keys = keys(request.queue)
        let query = request.query
        let limit = max(1, min(request.limit, 1000))
        // Where nothing is asked of them but their order, jobs need not be read.
        let most = query.isEmpty && !namesTypes ? limit : SearchPage.step
        let isScoredByTime = request.state == .dead || request.state == .cancelled
        do {
            let reply = try await call(
                RedisScriptCall(scripts.search, keys: [keys.jobs, keys.runs, set, list ?? set]) { arguments in
                    arguments.append(list == nil ? "z" : "b")
                    arguments.append(request.cursor ?? "")
                    arguments.append(limit)
                    arguments.append(most)
                    arguments.append(request.newestFirst ? "r" : "")
                    arguments.append(isScoredByTime ? "t" : "")
                    arguments.append(query.since.map { String($0.milliseconds) } ?? "")
                    arguments.append(query.until.map { String($0.milliseconds) } ?? "")
                    arguments.append(query.type ?? "")
                    arguments.append(query.idPrefix ?? "")
                    arguments.append(query.error.map(JobQuery.folded) ?? "")
                    arguments.append(query.fingerprint.map(Self.bytes) ?? [])
                    arguments.append(namesTypes ? "t" : "")
                    for tag in query.tags { arguments.append(tag) }
                })
            var cursor = RESPCursor(reply)
            let count = try cursor.nextArrayCount()
            let place = try cursor.nextString()
            let isEnd = try cursor.nextInteger() == 1
            let scanned = Int(try cursor.nextInteger())
            let ids = try (0..<max(0, count - 3)).map { _ in JobID(unchecked: try cursor.nextString()) }
            return WalkStep(cursor: place, isEnd: isEnd, scanned: scanned, ids: ids)
        } catch let error as SpanQueueError where error.message.hasPrefix("CURSOR") {
            throw SpanQueueError(.invalidArgument, "not a cursor of this list: pass the one that the last page gave")
        }
    }

    /// A step whose finds will be acted on: what stands in the list is moved into the set first, a step at a time, since nothing
    /// can be taken out of the middle of a long list in a short time.
    private func walkLifting(_ request: SearchRequest, set: String, list: String) async throws -> WalkStep {
        var step = try await walk(request, set: set, list: nil)
        guard step.isEnd else { return step }
        let lifted = try await lift(.ready, of: request.queue, looking: nil)
        step.isEnd = lifted.moved == 0
        return step
    }

    // MARK: Lists

    /// Moves the first jobs of a state's list into its set.
    ///
    /// - Parameter id: one that is looked for.
    func lift(
        _ state: JobState, of queue: String, looking id: JobID?
    ) async throws -> (left: Int, isMet: Bool, moved: Int) {
        let keys = keys(queue)
        guard let (set, list) = keys.places(of: state), let list else { return (0, false, 0) }
        let reply = try await call(
            RedisScriptCall(scripts.lift, keys: [list, set, keys.runs, keys.meta]) { arguments in
                arguments.append(state.rawValue)
                arguments.append(SearchPage.step)
                arguments.append(id?.description ?? "")
                arguments.append(options.retention.milliseconds)
            })
        do {
            var cursor = RESPCursor(reply)
            try cursor.nextArray(of: 3)
            let left = Int(try cursor.nextInteger())
            let isMet = try cursor.nextInteger() == 1
            return (left, isMet, Int(try cursor.nextInteger()))
        } catch {
            throw SpanQueueError.unexpectedReply("lift", error)
        }
    }

    /// Brings a job that stands deep in the list of its state to where it can be taken out: with all before it into the set, or near to
    /// the head.
    func raise(_ id: JobID, _ state: JobState, in queue: String) async throws {
        while true {
            let step = try await lift(state, of: queue, looking: id)
            if step.isMet || step.left <= options.nearEntries { return }
        }
    }

    private static func bytes(_ fingerprint: UInt64) -> [UInt8] {
        (0..<8).map { UInt8(truncatingIfNeeded: fingerprint >> (56 - 8 * $0)) }
    }

    // MARK: Acting

    func perform(
        _ action: JobAction, on ids: [JobID], in queue: String, if state: JobState, by: String?
    ) async throws -> [ActionOutcome] {
        let watch = askWhetherWatched(queue)
        let outcomes = try await act(action, on: ids, in: queue, if: state, by: by)
        await publish("act", watch, QueueEvent(action, outcomes, on: ids, in: queue, at: Timestamp(.now)))
        return outcomes
    }

    private func act(
        _ action: JobAction, on ids: [JobID], in queue: String, if state: JobState, by: String?
    ) async throws -> [ActionOutcome] {
        let calls = ids.map { actCall(action, on: $0, in: queue, if: state, by: by) }
        var outcomes: [ActionOutcome] = []
        for (id, result) in zip(ids, try await results(of: calls, idempotent: action != .remove)) {
            do {
                switch try Self.read(result.get()) {
                case .known(let outcome): outcomes.append(outcome)
                case .deep(let found):
                    try await raise(id, found, in: queue)
                    outcomes += try await act(action, on: [id], in: queue, if: state, by: by)
                }
            } catch let error as RedisError {
                throw SpanQueueError(error)
            }
        }
        return outcomes
    }
}
