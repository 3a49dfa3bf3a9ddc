// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import HiredisClient
import Logging
import SpanQueue

extension RedisEngine {
    /// The most jobs, and about the most bytes, one call of the script takes: it keeps Redis from everything else meanwhile.
    private static let chunkJobs = 128
    private static let chunkBytes = 4 << 20
    /// About the most bytes that leave in one go. The client holds 64 MiB for all its callers.
    private static let waveBytes = 12 << 20
    /// About what a job takes in a call beside its payload: id, type, trace and lengths.
    private static let overheadBytes = 128

    /// Jobs of one queue that go into one call, by their places in the request.
    private struct Chunk {
        var places: [Int] = []
        var bytes = 0
    }

    func now() async throws -> Timestamp {
        let reply = try await send(RESPCommand("TIME"))
        var cursor = RESPCursor(reply)
        do {
            try cursor.nextArray(of: 2)
            let seconds = try cursor.nextDecimal()
            let now = Timestamp(milliseconds: seconds * 1000 + (try cursor.nextDecimal()) / 1000)
            node.learn(now)
            return now
        } catch {
            throw SpanQueueError.unexpectedReply("TIME", error)
        }
    }

    func enqueue(_ job: NewJob, until deadline: ContinuousClock.Instant) async throws -> EnqueueOutcome {
        try await commits.submit(job, until: min(deadline, .now + options.commandTimeout)) { jobs, deadline in
            try await self.enqueue(jobs, until: deadline)
        }
    }

    /// Jobs leave in waves, each of which has the command timeout. The first one that fails as a whole is the last: the others would
    /// meet the same.
    func enqueue(
        _ jobs: [NewJob], until deadline: ContinuousClock.Instant
    ) async throws -> [EnqueueOutcome] {
        guard !jobs.isEmpty else { return [] }
        let chunks = Self.chunks(of: jobs)
        let queues = Set(chunks.lazy.map { jobs[$0.places[0]].message.queue })
        let announcement = announce(queues, within: min(deadline - .now, options.commandTimeout))
        let generation = options.durability == .primary ? 0 : await client.generation
        // Each is replaced: every job is in a chunk, and every chunk is answered or fails.
        var outcomes = [EnqueueOutcome](repeating: .conflict, count: jobs.count)
        var begun: Set<String> = []
        var errors: [RedisError] = []
        var pending = chunks[...]
        var mayBeLate = true
        while !pending.isEmpty {
            let wave = Self.wave(pending)
            pending = pending.dropFirst(wave.count)
            let end = min(deadline, .now + options.commandTimeout)
            let notAfter = node.notAfter(end)
            let replies = await replies(
                to: wave.lazy.map { self.call(for: $0, of: jobs, notAfter: notAfter) }, within: end - .now,
                isLone: jobs.count == 1)
            var late: [Chunk] = []
            var failed: [RedisError] = []
            for (chunk, reply) in zip(wave, replies) {
                switch reply {
                case .success(let reply):
                    if try read(reply, of: chunk, jobs, into: &outcomes) {
                        begun.insert(jobs[chunk.places[0]].message.queue)
                    }
                case .failure(let error) where error.isLate && mayBeLate:
                    late.append(chunk)
                case .failure(let error):
                    failed.append(error)
                    for place in chunk.places { outcomes[place] = .refused(SpanQueueError(error)) }
                }
            }
            errors += failed
            if failed.count == wave.count, let error = failed.last {
                let refusal = SpanQueueError(error, mayHaveRun: false)
                for place in pending.flatMap(\.places) { outcomes[place] = .refused(refusal) }
                break
            }
            guard !late.isEmpty else { continue }
            // Nothing of it ran: our idea of the server's clock is wrong. It is learnt again, once.
            node.noteLate()
            mayBeLate = false
            if !Task.isCancelled { _ = try? await now() }
            pending = late + pending
        }
        let isNothingAdded = outcomes.allSatisfy { if case .refused = $0 { true } else { false } }
        if isNothingAdded, let error = errors.first(where: \.mayHaveRun) ?? errors.last {
            if error.code == .cancelled { throw CancellationError() }
            throw SpanQueueError(error)
        }
        if let announcement { note(announcement) }
        // A queue that begins with these jobs was deleted since we listed it, unless that was just now.
        begun.subtract(announcement?.queues ?? [])
        if !begun.isEmpty {
            // The jobs are there: a list that lacks their queue until the next call is not a failure of this one.
            do {
                try await list(begun)
            } catch {
                for queue in begun { forget(queue) }
                logger.warning("a queue is not on the list of queues", metadata: ["error": "\(error)"])
            }
        }
        try await confirm(options.durability, in: jobs[0].message.queue, since: generation, until: deadline)
        return outcomes
    }

    /// Each call leaves as soon as it is made, so that Redis works on one while the next is being made.
    private func replies(
        to calls: some Collection<RedisScriptCall>, within timeout: Duration, isLone: Bool
    ) async -> [Result<RESPReply, RedisError>] {
        // Where many wait for one reply, their threads have other things to do meanwhile.
        if isLone, let call = calls.first {
            let reply = await certainResult {
                try await self.client.run(call, timeout: timeout, idempotent: true, certain: true)
            }
            return [reply]
        }
        var replies: [Result<RESPReply, RedisError>] = []
        for reply in calls.map({ client.start($0, timeout: timeout, idempotent: true, certain: true) }) {
            replies.append(await certainResult { try await reply.value() })
        }
        return replies
    }

    /// The chunks that leave in one go: the first, and as many more as the client has room for beside other calls.
    private static func wave(_ chunks: ArraySlice<Chunk>) -> ArraySlice<Chunk> {
        var bytes = 0
        let more = chunks.dropFirst().prefix { chunk in
            bytes += chunk.bytes
            return bytes <= waveBytes
        }
        return chunks.prefix(1 + more.count)
    }

    private static func chunks(of jobs: [NewJob]) -> [Chunk] {
        var chunks: [Chunk] = []
        for (_, places) in jobs.placesByQueue() {
            var chunk = Chunk()
            for place in places {
                let bytes = jobs[place].message.payload.count
                if chunk.places.count == chunkJobs || !chunk.places.isEmpty && chunk.bytes + bytes > chunkBytes {
                    chunks.append(chunk)
                    chunk = Chunk()
                }
                if chunk.places.isEmpty { chunk.places.reserveCapacity(min(places.count, chunkJobs)) }
                chunk.places.append(place)
                chunk.bytes += bytes
            }
            chunks.append(chunk)
        }
        return chunks
    }

    /// The leading jobs without options, whose ids are our own, take two arguments each, the others six. No job overtakes
    /// another of its call by that.
    private static func isPlain(_ place: Int, of jobs: [NewJob]) -> Bool {
        guard case .now = jobs[place].schedule else { return false }
        return jobs[place].message.priority == 0 && !mayMeetAnother(place, of: jobs)
    }

    private static func mayMeetAnother(_ place: Int, of jobs: [NewJob]) -> Bool {
        jobs[place].message.contentDigest != nil || jobs[place].message.unique != nil
    }

    /// Jobs are looked at where they stand in `jobs`, here and in what this calls: to copy one is to retain all that it has.
    private func call(for chunk: Chunk, of jobs: [NewJob], notAfter: Int64) -> RedisScriptCall {
        let keys = keys(jobs[chunk.places[0]].message.queue)
        let plain = chunk.places.prefix { Self.isPlain($0, of: jobs) }
        var names = [
            keys.jobs, keys.ready, keys.priority, keys.scheduled, keys.unique, keys.uniqueExpiry, keys.meta,
            keys.wake,
        ]
        // What may meet another job is told where that stands.
        if chunk.places.dropFirst(plain.count).contains(where: { Self.mayMeetAnother($0, of: jobs) }) {
            names += [keys.runs, keys.retrying, keys.active, keys.dead, keys.cancelled, keys.retained]
        }
        return RedisScriptCall(
            scripts.enqueue, keys: names,
            capacity: chunk.bytes + chunk.places.count * Self.overheadBytes
        ) { arguments in
            arguments.append(notAfter)
            // The door that we bring: none.
            arguments.append("")
            arguments.append(plain.count)
            var writer = PackedWriter(capacity: 512)
            func add(_ place: Int) {
                arguments.append(jobs[place].message.id.description)
                writer.clear()
                MessagePacking.pack(jobs[place], into: &writer)
                arguments.append(writer.bytes)
            }
            for place in plain { add(place) }
            for place in chunk.places.dropFirst(plain.count) {
                add(place)
                switch jobs[place].schedule {
                case .now: arguments.append("")
                case .after(let delay): arguments.append("+\(delay.milliseconds)")
                case .at(let moment): arguments.append("@\(moment.milliseconds)")
                }
                arguments.append(jobs[place].message.priority)
                arguments.append(jobs[place].message.unique?.digest ?? [])
                if let span = jobs[place].message.unique?.span.duration {
                    arguments.append(span.milliseconds)
                } else {
                    arguments.append("")
                }
            }
        }
    }

    /// - Returns: whether the queue begins with this call.
    private func read(
        _ reply: RESPReply, of chunk: Chunk, _ jobs: [NewJob], into outcomes: inout [EnqueueOutcome]
    ) throws -> Bool {
        do {
            var cursor = RESPCursor(reply)
            let count = try cursor.nextArrayCount()
            let now = Timestamp(milliseconds: try cursor.nextDecimal())
            node.learn(now)
            let places = chunk.places
            for place in places {
                outcomes[place] = Self.accepted(jobs[place].schedule, at: now, isRepeat: false)
            }
            var isNew = false
            for _ in 0..<(count - 1) / 3 {
                let index = Int(try cursor.nextInteger()) - 1
                let kind = try cursor.nextString()
                let isMet = kind == "r" || kind == "d"
                let existing = isMet ? try Self.existing(&cursor) : nil
                if !isMet { cursor.skip() }
                if kind == "n" {
                    isNew = true
                    continue
                }
                guard places.indices.contains(index) else { throw PackingError(description: "no job \(index)") }
                let place = places[index]
                guard let existing else {
                    outcomes[place] = .conflict
                    continue
                }
                if kind == "d" {
                    outcomes[place] = .duplicate(of: existing)
                } else if jobs[place].message.contentDigest != nil {
                    outcomes[place] = .present(existing)
                } else {
                    // An id of our own is known only to an earlier sending of this call.
                    outcomes[place] = Self.accepted(
                        jobs[place].schedule, at: existing.enqueuedAt ?? now, isRepeat: true)
                }
            }
            return isNew
        } catch {
            throw SpanQueueError.unexpectedReply("enqueue", error)
        }
    }

    private static func existing(_ cursor: inout RESPCursor) throws -> ExistingJob {
        try cursor.nextArray(of: 4)
        var job = ExistingJob(id: JobID(unchecked: try cursor.nextString()))
        let state = try cursor.nextString()
        let score = try cursor.nextString()
        let start = try cursor.nextSlice()
        if !state.isEmpty { job.state = JobState(rawValue: state) }
        if job.state == .scheduled || job.state == .retrying {
            job.dueAt = Int64(score).map { Timestamp(milliseconds: $0) }
        }
        if let origin = try? MessagePacking.origin(start) {
            job.type = origin.type
            job.traceID = origin.traceID
            job.enqueuedAt = origin.enqueuedAt
        }
        return job
    }

    private static func accepted(_ schedule: Schedule, at now: Timestamp, isRepeat: Bool) -> EnqueueOutcome {
        .accepted(enqueuedAt: now, runAt: schedule.runAt(acceptedAt: now), isRepeat: isRepeat)
    }
}
