// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import PostgresClient
import SpanQueue

extension PostgresEngine: JobMover {
    func halt(_ queue: String, note: OperatorNote) async throws {
        _ = try await call(PostgresCall("begin", statements.begin, [.text(queue)]))
        _ = try await pause(queue, note: note)
        _ = try await call(PostgresCall("settled", statements.settled, [.text(queue)]))
    }

    func packed(_ request: ListRequest, isForRemoval: Bool) async throws -> PackedPage {
        let letters = request.state == .completed ? ["c", "k"] : request.state.stored
        var (letter, place) = (letters.first, (score: Int64?.none, nr: Int64?.none))
        if let cursor = request.cursor {
            let parts = cursor.split(separator: "/", omittingEmptySubsequences: false)
            guard parts.count == 3, letters.contains(String(parts[0])) else {
                throw SpanQueueError(
                    .invalidArgument, "not a cursor of this list: pass the one that the last page gave")
            }
            (letter, place) = (String(parts[0]), (Int64(parts[1]), Int64(parts[2])))
        }
        guard let letter, request.state != .active else { return PackedPage() }
        let limit = max(1, min(request.limit, 100))
        let rows = try await call(
            PostgresCall(
                "packed", statements.packed,
                [.text(request.queue), .text(letter), .int8(place.score), .int8(place.nr), .int4(limit)]))
        var page = PackedPage()
        try read { () throws(PostgresError) in
            for row in 0..<rows.count {
                let id = JobID(unchecked: try rows.text(row, 0))
                switch try Self.packed(rows, row, id: id, letter: letter, queue: request.queue) {
                case .success(let job): page.jobs.append(job)
                case .failure: page.unreadable.append(id)
                }
                page.cursor = "\(letter)/\(try rows.integer(row, 1))/\(try rows.integer(row, 2))"
            }
        }
        // At the end of one letter comes the next.
        if rows.count == 0, let next = letters.firstIndex(of: letter).map({ letters[($0 + 1)...] })?.first {
            page.cursor = "\(next)//"
        }
        return page
    }

    private static func packed(
        _ rows: PostgresRows, _ row: Int, id: JobID, letter: String, queue: String
    ) throws(PostgresError) -> Result<PackedJob, PackingError> {
        let (message, payload) = (try rows.bytes(row, 7), try rows.bytes(row, 8))
        let (run, token) = (try rows.optionalBytes(row, 9), try rows.integer(row, 5))
        var whole = PackedWriter(capacity: 13 + message.count + payload.count)
        whole.stamp(Timestamp(milliseconds: try rows.integer(row, 3)))
        whole.raw(message)
        whole.raw(payload)
        let stored = whole.bytes
        let state = JobState(stored: letter)
        let result = Result { () throws(PackingError) in
            try PackedJob(id: id, queue: queue, state: state, message: stored, run: run, token: token)
        }
        guard case .success(var job) = result else { return result }
        let score = Timestamp(milliseconds: try rows.integer(row, 1))
        if state == .scheduled || state == .retrying { job.dueAt = score }
        if letter == "k" { job.keptUntil = score }
        job.endedAt = try rows.optionalInteger(row, 4).map { Timestamp(milliseconds: $0) }
        job.nonce = try rows.optionalInteger(row, 6).map { UInt32(truncatingIfNeeded: $0) }
        if try rows.bool(row, 10), let digest = job.digest {
            let until = try rows.optionalInteger(row, 11).map { Timestamp(milliseconds: $0) }
            job.lock = HeldLock(digest: digest, owner: id, until: until)
        }
        return .success(job)
    }

    func adopt(_ jobs: [PackedJob], into queue: String, under pause: PauseNote) async throws -> [AdoptOutcome] {
        guard !jobs.isEmpty else { return [] }
        let rows = try await call(
            PostgresCall(
                "adopt", statements.adopt,
                [
                    .text(queue), .int8(pause.at.milliseconds), .text(pause.note.reason), .text(pause.note.by),
                    .texts(jobs.lazy.map(\.id.description)), .texts(jobs.lazy.map(\.type)),
                    .int4s(jobs.lazy.map(\.priority)),
                    .texts(jobs.lazy.map { $0.keptUntil == nil ? $0.storedLetter : "k" }),
                    .int8s(jobs.lazy.map { ($0.dueAt ?? $0.keptUntil)?.milliseconds }),
                    .int8s(jobs.lazy.map { Int64?.some($0.enqueuedAt.milliseconds) }),
                    .int8s(jobs.lazy.map { $0.endedAt?.milliseconds }), .int8s(jobs.lazy.map { Int64?.some($0.token) }),
                    .int8s(jobs.lazy.map { $0.nonce.map(Int64.init) }), .byteArrays(jobs.lazy.map { .some($0.head) }),
                    .byteArrays(jobs.lazy.map { .some($0.payload) }), .byteArrays(jobs.lazy.map(\.storedRun)),
                    .byteArrays(jobs.lazy.map { $0.lock?.digest }),
                    .int8s(jobs.lazy.map { $0.lock?.until?.milliseconds }),
                ]))
        var outcomes = [AdoptOutcome](repeating: .conflict, count: jobs.count)
        try read { () throws(PostgresError) in
            for row in 0..<rows.count {
                let place = Int(try rows.integer(row, 0)) - 1
                guard outcomes.indices.contains(place) else {
                    throw PostgresError(.protocolViolation, "adopt answered for no job \(place)", mayHaveRun: true)
                }
                switch try rows.text(row, 1) {
                case "a": outcomes[place] = .adopted
                case "t":
                    let state = JobState(stored: try rows.text(row, 2))
                    outcomes[place] = .there(state, run: try rows.optionalBytes(row, 3))
                case "l": outcomes[place] = .locked(by: JobID(unchecked: try rows.text(row, 4)))
                default: outcomes[place] = .conflict
                }
            }
        }
        return outcomes
    }

    func drop(_ jobs: [PackedJob], from queue: String, under pause: PauseNote) async throws -> [DropOutcome] {
        guard !jobs.isEmpty else { return [] }
        let rows = try await call(
            PostgresCall(
                "drop", statements.drop,
                [
                    .text(queue), .int8(pause.at.milliseconds), .text(pause.note.reason), .text(pause.note.by),
                    .texts(jobs.lazy.map(\.id.description)), .texts(jobs.lazy.map(\.storedLetter)),
                    .int8s(jobs.lazy.map { Int64?.some($0.enqueuedAt.milliseconds) }),
                    .byteArrays(jobs.lazy.map(\.run)),
                ]), idempotent: false)
        var outcomes = [DropOutcome](repeating: .changed, count: jobs.count)
        try read { () throws(PostgresError) in
            for row in 0..<rows.count {
                let place = Int(try rows.integer(row, 0)) - 1
                guard outcomes.indices.contains(place) else {
                    throw PostgresError(.protocolViolation, "drop answered for no job \(place)", mayHaveRun: true)
                }
                switch try rows.text(row, 1) {
                case "d": outcomes[place] = .dropped
                case "g": outcomes[place] = .gone
                default: outcomes[place] = .changed
                }
            }
        }
        return outcomes
    }

    // MARK: Locks and errors

    func timedLocks(of queue: String, after cursor: String?) async throws -> (locks: [HeldLock], cursor: String?) {
        let after = cursor.flatMap { [UInt8](hexadecimal: $0) }
        let rows = try await call(
            PostgresCall("locks", statements.locks, [.text(queue), .bytes(after), .int4(100)]))
        return try read { () throws(PostgresError) in
            var locks: [HeldLock] = []
            for row in 0..<rows.count {
                locks.append(
                    HeldLock(
                        digest: Array(try rows.bytes(row, 0)), owner: JobID(unchecked: try rows.text(row, 1)),
                        until: Timestamp(milliseconds: try rows.integer(row, 2))))
            }
            return (locks, locks.count == 100 ? locks.last?.digest.hexadecimal : nil)
        }
    }

    func adopt(_ locks: [HeldLock], into queue: String) async throws {
        guard !locks.isEmpty else { return }
        _ = try await call(
            PostgresCall(
                "adopt_locks", statements.adoptLocks,
                [
                    .text(queue), .byteArrays(locks.lazy.map { .some($0.digest) }),
                    .texts(locks.lazy.map(\.owner.description)), .int8s(locks.lazy.map { $0.until?.milliseconds }),
                ]))
    }

    func adopt(_ groups: [ErrorGroup], into queue: String) async throws {
        guard !groups.isEmpty else { return }
        _ = try await call(
            PostgresCall(
                "adopt_errors", statements.adoptErrors,
                [
                    .text(queue), .int8s(groups.lazy.map { $0.fingerprint.map { Int64(bitPattern: $0) } }),
                    .int8s(groups.lazy.map { Int64?.some($0.firstSeen.milliseconds) }),
                    .int8s(groups.lazy.map { Int64?.some($0.lastSeen.milliseconds) }),
                    .int8s(groups.lazy.map { Int64?.some(Int64($0.count)) }), .texts(groups.lazy.map(\.jobType)),
                    .byteArrays(groups.lazy.map { .some(Array($0.errorType.utf8)) }),
                    .byteArrays(groups.lazy.map { .some(Array($0.masked.utf8)) }), .texts(groups.lazy.map(\.version)),
                ]))
    }
}

extension PackedJob {
    /// The letter of its state in the tables; of a completed job `c`.
    fileprivate var storedLetter: String { state == .completed ? "c" : state.stored.first ?? "" }

    /// What has ended has a record of it, if an empty one.
    fileprivate var storedRun: [UInt8]? { run ?? (state.isTerminal ? RunPacking.pack(RunRecord()) : nil) }
}
