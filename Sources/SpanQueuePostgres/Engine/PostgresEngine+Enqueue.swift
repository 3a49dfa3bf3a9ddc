// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import PostgresClient
import SpanQueue
import SpanQueueTelemetry

extension PostgresEngine {
    /// The most jobs, and about the most bytes, one call takes.
    private static let chunkJobs = 1000
    private static let chunkBytes = 8 << 20

    func enqueue(_ job: NewJob, until deadline: ContinuousClock.Instant) async throws -> EnqueueOutcome {
        try await commits.submit(job, until: min(deadline, .now + options.commandTimeout)) { jobs, deadline in
            try await self.enqueue(jobs, until: deadline)
        }
    }

    /// One call after the other, each a transaction of one queue. Where one fails as a whole, those behind it are not made: they would
    /// meet the same.
    func enqueue(_ jobs: [NewJob], until deadline: ContinuousClock.Instant) async throws -> [EnqueueOutcome] {
        if jobs.count == 1, jobs[0].isPlain, let outcome = try await enqueuePlain(jobs[0], until: deadline) {
            return [outcome]
        }
        var outcomes = [EnqueueOutcome?](repeating: nil, count: jobs.count)
        var failure: (any Error)?
        for places in Self.chunks(of: jobs) {
            do {
                if let failure { throw Self.spared(failure) }
                try await enqueue(places, of: jobs, until: deadline, into: &outcomes)
            } catch let error as SpanQueueError {
                failure = failure ?? error
                for place in places { outcomes[place] = .refused(error) }
            } catch {
                failure = failure ?? error
                let unsent = SpanQueueError(.unavailable, "the call was cancelled before this job was sent")
                for place in places { outcomes[place] = .refused(unsent) }
            }
        }
        let isNothingAdded = outcomes.allSatisfy { if case .refused = $0 { true } else { false } }
        if isNothingAdded, let failure { throw failure }
        return outcomes.compactMap { $0 }
    }

    /// A job that is ready at once, in a call of its own that does nothing else; nil where more is to be done or said, and nothing was done.
    private func enqueuePlain(
        _ job: NewJob, until deadline: ContinuousClock.Instant
    ) async throws -> EnqueueOutcome? {
        let message = job.message
        let start = ContinuousClock.now
        let end = min(deadline, start + options.commandTimeout)
        let plain = PostgresCall(
            "enqueue", statements.enqueuePlain,
            [
                .text(message.queue), .text(message.id.description), .text(message.type), .int4(message.priority),
                .bytes(MessagePacking.packHead(job)), .bytes(message.payload), .int8(node.notAfter(end)),
            ])
        let rows: PostgresRows
        do {
            rows = try await call(plain, timeout: end - start, certain: true)
        } catch let error as SpanQueueError where (error.underlying as? PostgresError)?.isLate == true {
            _ = try await now()
            return nil
        }
        return try read { () throws(PostgresError) in
            if try rows.isNull(0, 0) { return nil }
            let answer = try rows.integers(0, 0)
            guard answer.count == 2, let milliseconds = answer[0] else {
                throw PostgresError(.protocolViolation, "enqueue did not tell the time", mayHaveRun: true)
            }
            let now = Timestamp(milliseconds: milliseconds)
            node.learn(now)
            if answer[1] == 1 || start.duration(to: .now) > quickCall { wakeOne(message.queue) }
            return .accepted(enqueuedAt: now, runAt: job.schedule.runAt(acceptedAt: now), isRepeat: false)
        }
    }

    private static func spared(_ failure: any Error) -> any Error {
        guard var error = failure as? SpanQueueError else { return failure }
        error.mayHaveRun = false
        return error
    }

    private static func chunks(of jobs: [NewJob]) -> [[Int]] {
        var chunks: [[Int]] = []
        for (_, places) in jobs.placesByQueue() {
            var chunk: [Int] = []
            var ids: Set<JobID> = []
            var bytes = 0
            for place in places {
                let size = jobs[place].message.payload.count
                // Of two with one id the second meets the first where that stands: in another call.
                let isNew = ids.insert(jobs[place].message.id).inserted
                if !isNew || chunk.count == chunkJobs || !chunk.isEmpty && bytes + size > chunkBytes {
                    chunks.append(chunk)
                    (chunk, bytes, ids) = ([], 0, [jobs[place].message.id])
                }
                chunk.append(place)
                bytes += size
            }
            chunks.append(chunk)
        }
        return chunks
    }

    private func enqueue(
        _ places: [Int], of jobs: [NewJob], until deadline: ContinuousClock.Instant,
        into outcomes: inout [EnqueueOutcome?]
    ) async throws {
        let queue = jobs[places[0]].message.queue
        var rows: PostgresRows
        var end = min(deadline, .now + options.commandTimeout)
        do {
            rows = try await call(
                enqueueCall(places, of: jobs, notAfter: node.notAfter(end)), timeout: end - .now, certain: true)
        } catch let error as SpanQueueError where (error.underlying as? PostgresError)?.isLate == true {
            // Nothing of it ran: our idea of the server's clock is wrong. It is learnt again, once.
            _ = try await now()
            end = min(deadline, .now + options.commandTimeout)
            rows = try await call(
                enqueueCall(places, of: jobs, notAfter: node.notAfter(end)), timeout: end - .now, certain: true)
        }
        try read { () throws(PostgresError) in
            var wakes = false
            var accepted: Timestamp?
            for row in 0..<rows.count {
                let number = Int(try rows.integer(row, 0)) - 1
                guard number >= 0 else {
                    let now = Timestamp(milliseconds: try rows.integer(row, 5))
                    node.learn(now)
                    accepted = now
                    wakes = try rows.optionalText(row, 3) == "w"
                    continue
                }
                guard places.indices.contains(number) else {
                    throw PostgresError(.protocolViolation, "enqueue answered for no job \(number)", mayHaveRun: true)
                }
                outcomes[places[number]] = try Self.outcome(rows, row, of: jobs[places[number]])
            }
            guard let accepted else {
                throw PostgresError(.protocolViolation, "enqueue did not tell the time", mayHaveRun: true)
            }
            for place in places where outcomes[place] == nil {
                outcomes[place] = .accepted(
                    enqueuedAt: accepted, runAt: jobs[place].schedule.runAt(acceptedAt: accepted), isRepeat: false)
            }
            if wakes { wakeOne(queue) }
        }
    }

    private func enqueueCall(_ places: [Int], of jobs: [NewJob], notAfter: Int64) -> PostgresCall {
        var after: [Int64?] = []
        var at: [Int64?] = []
        for place in places {
            switch jobs[place].schedule {
            case .now:
                after.append(nil)
                at.append(nil)
            case .after(let delay):
                after.append(delay.milliseconds)
                at.append(nil)
            case .at(let moment):
                after.append(nil)
                at.append(moment.milliseconds)
            }
        }
        return PostgresCall(
            "enqueue", statements.enqueue,
            [
                .text(jobs[places[0]].message.queue),
                .texts(places.lazy.map { jobs[$0].message.id.description }),
                .texts(places.lazy.map { jobs[$0].message.type }),
                .int4s(places.lazy.map { jobs[$0].message.priority }),
                .int8s(after), .int8s(at),
                .byteArrays(places.lazy.map { MessagePacking.packHead(jobs[$0]) }),
                .byteArrays(places.lazy.map { jobs[$0].message.payload }),
                .byteArrays(places.lazy.map { jobs[$0].message.unique?.digest }),
                .int8s(places.lazy.map { jobs[$0].message.unique?.span.duration?.milliseconds }),
                .int8(notAfter),
            ])
    }

    /// What became of a job that was not added.
    private static func outcome(_ rows: PostgresRows, _ row: Int, of job: NewJob) throws(PostgresError)
        -> EnqueueOutcome
    {
        let kind = try rows.text(row, 1)
        if kind == "c" { return .conflict }
        let enqueuedAt = try rows.optionalInteger(row, 5).map { Timestamp(milliseconds: $0) }
        if kind == "r", let enqueuedAt {
            return .accepted(enqueuedAt: enqueuedAt, runAt: job.schedule.runAt(acceptedAt: enqueuedAt), isRepeat: true)
        }
        var existing = ExistingJob(id: JobID(unchecked: try rows.text(row, 2)))
        existing.state = try rows.optionalText(row, 3).map(JobState.init(stored:))
        existing.dueAt = try rows.optionalInteger(row, 4).map { Timestamp(milliseconds: $0) }
        // All but id and state is untold where a later version wrote the message.
        if let enqueuedAt, let head = try rows.optionalBytes(row, 6),
            let message = try? MessagePacking.unpack(
                head: head[...], payload: [], enqueuedAt: enqueuedAt, id: existing.id, queue: job.message.queue)
        {
            existing.enqueuedAt = enqueuedAt
            existing.type = message.type
            existing.traceID = message.trace.traceID
        }
        return kind == "p" ? .present(existing) : .duplicate(of: existing)
    }
}

extension NewJob {
    /// Whether it is ready at once, holds no lock, and has an id that nobody else can have.
    fileprivate var isPlain: Bool {
        if case .now = schedule { message.unique == nil && message.contentDigest == nil } else { false }
    }
}

extension JobState {
    /// By the letter that it has in the tables.
    init(stored letter: String) {
        switch letter {
        case "s": self = .scheduled
        case "h": self = .held
        case "r": self = .ready
        case "a": self = .active
        case "t": self = .retrying
        case "c", "k": self = .completed
        case "d": self = .dead
        case "x": self = .cancelled
        default: self = .unknown
        }
    }

    /// Its letters in the tables, in the order in which such jobs are listed.
    var stored: [String] {
        switch self {
        case .scheduled: ["s"]
        case .ready: ["r"]
        case .active: ["a"]
        case .retrying: ["t"]
        case .completed: ["k", "c"]
        case .dead: ["d"]
        case .cancelled: ["x"]
        default: []
        }
    }
}
