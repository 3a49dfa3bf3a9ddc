// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import PostgresClient
import SpanQueue

extension PostgresEngine: JobSearcher {
    func search(_ request: SearchRequest) async throws -> SearchPage {
        let query = request.query
        var walk = try SearchWalk(request)
        var page = SearchPage(jobs: [], cursor: nil, scanned: 0)
        // No type and no id has one, and no text of Postgres can.
        if query.type?.utf8.contains(0) == true || query.idPrefix?.utf8.contains(0) == true { return page }
        let limit = max(1, min(request.limit, 1000))
        // Where nothing is asked of them but their order, as many are looked at as are wanted.
        let most = query.isEmpty ? limit : SearchPage.step
        var found = 0
        while let state = walk.state, found < limit, page.scanned < most {
            let rows = try await call(
                PostgresCall(
                    "search", statements.search,
                    [
                        .text(request.queue), .text(state), .int8(walk.place?.first), .int8(walk.place?.second),
                        .int4(limit - found), .int4(most - page.scanned), .bool(walk.isReverse), .text(query.type),
                        .text(query.idPrefix), .byteArrays(query.tags.lazy.map { Array($0.utf8) }),
                        .bytes(query.error.map { Array($0.utf8) }),
                        .bytes(query.fingerprint.map(Self.bytes)), .int8(query.since?.milliseconds),
                        .int8(query.until?.milliseconds),
                    ]))
            let isEnd = try read { () throws(PostgresError) in
                for row in 0..<max(0, rows.count - 1) {
                    let record = try Self.record(rows, row)
                    found += 1
                    // It names more than is wanted: texts are looked for in all of a record.
                    if query.matches(record) { page.jobs.append(record) }
                }
                return try Self.go(on: &walk, &page.scanned, rows, column: 13)
            }
            // Enough was found or looked at.
            guard isEnd else { break }
        }
        page.cursor = walk.cursor
        return page
    }

    func types(_ request: SearchRequest) async throws -> TypePage {
        var walk = try SearchWalk(request)
        var page = TypePage(counts: [:], cursor: nil, scanned: 0)
        let most = max(1, min(request.limit, SearchPage.step))
        while let state = walk.state, page.scanned < most {
            let rows = try await call(
                PostgresCall(
                    "types", statements.types,
                    [
                        .text(request.queue), .text(state), .int8(walk.place?.first), .int8(walk.place?.second),
                        .int4(most - page.scanned), .bool(walk.isReverse),
                    ]))
            let isEnd = try read { () throws(PostgresError) in
                for row in 0..<max(0, rows.count - 1) {
                    page.counts[try rows.text(row, 0), default: 0] += Int(try rows.integer(row, 1))
                }
                return try Self.go(on: &walk, &page.scanned, rows, column: 2)
            }
            guard isEnd else { break }
        }
        page.cursor = walk.cursor
        return page
    }

    /// Reads the head of a step's answer, which is in its last row.
    ///
    /// - Returns: whether nothing was left behind what was looked at: then the walk goes on with the next state.
    private static func go(
        on walk: inout SearchWalk, _ scanned: inout Int, _ rows: PostgresRows, column: Int
    ) throws(PostgresError) -> Bool {
        let head = try rows.integers(rows.count - 1, column)
        guard head.count == 4, let looked = head[0], let isEnd = head[1] else {
            throw PostgresError(.protocolViolation, "the answer of a search has no head")
        }
        scanned += Int(looked)
        if isEnd == 1 {
            walk.nextState()
        } else if let first = head[2], let second = head[3] {
            walk.go(to: SearchWalk.Place(first: first, second: second))
        }
        return isEnd == 1
    }

    private static func bytes(_ fingerprint: UInt64) -> [UInt8] {
        withUnsafeBytes(of: fingerprint.bigEndian) { Array($0) }
    }

    // MARK: Acting

    func perform(
        _ action: JobAction, on ids: [JobID], in queue: String, if state: JobState, by: String?
    ) async throws -> [ActionOutcome] {
        guard !ids.isEmpty else { return [] }
        let (word, reason, isIdempotent) = action.call
        let rows = try await call(
            PostgresCall(
                "act_many", statements.actMany,
                [
                    .text(queue), .text(word), .texts(ids.lazy.map(\.description)), .texts(state.stored),
                    .text(reason), .text(by),
                ]), idempotent: isIdempotent)
        var outcomes = [ActionOutcome](repeating: .notFound, count: ids.count)
        try read { () throws(PostgresError) in
            for row in 0..<rows.count {
                let place = Int(try rows.integer(row, 0)) - 1
                guard outcomes.indices.contains(place) else {
                    throw PostgresError(.protocolViolation, "act_many answered for no job \(place)", mayHaveRun: true)
                }
                outcomes[place] = try Self.outcome(rows, row, columns: (word: 1, state: 2, owner: 3))
            }
        }
        if word == "v", outcomes.contains(.done(.ready)) { wakeOne(queue) }
        publish("act", QueueEvent(action, outcomes, on: ids, in: queue, at: Timestamp(.now)))
        return outcomes
    }

    static func outcome(
        _ rows: PostgresRows, _ row: Int, columns: (word: Int, state: Int, owner: Int)
    ) throws(PostgresError) -> ActionOutcome {
        let state = try rows.optionalText(row, columns.state).map(JobState.init(stored:))
        switch try rows.text(row, columns.word) {
        case "d": return .done(state)
        case "q": return .requested
        case "n": return .notFound
        case "u": return .duplicate(of: JobID(unchecked: try rows.text(row, columns.owner)))
        default: return .invalidState(state ?? .unknown)
        }
    }
}

extension JobAction {
    /// As the functions take it: its letter, why, and whether a second call does no harm.
    var call: (word: String, reason: String, isIdempotent: Bool) {
        switch self {
        case .cancel(let reason): ("c", reason, true)
        case .redrive: ("v", "", true)
        case .bury(let reason): ("b", reason, true)
        // A second one would say that there is no such job.
        case .remove: ("r", "", false)
        }
    }
}
