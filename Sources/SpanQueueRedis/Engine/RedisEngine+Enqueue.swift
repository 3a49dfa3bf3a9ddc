import HiredisClient
import SpanQueue

extension RedisEngine {
    /// The most jobs, and about the most bytes, one call of the script takes: it keeps Redis from everything else meanwhile.
    private static let chunkJobs = 128
    private static let chunkBytes = 4 << 20
    /// About the most bytes that leave in one write. The client holds 64 MiB for all its callers.
    private static let waveBytes = 12 << 20

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
            return Timestamp(milliseconds: seconds * 1000 + (try cursor.nextDecimal()) / 1000)
        } catch {
            throw SpanQueueError.unexpectedReply("TIME", error)
        }
    }

    func enqueue(_ jobs: [NewJob]) async throws -> [EnqueueOutcome] {
        guard !jobs.isEmpty else { return [] }
        let chunks = Self.chunks(of: jobs)
        try await announce(Set(chunks.map { jobs[$0.places[0]].message.queue }))
        let generation = options.durability == .primary ? 0 : await client.generation
        var outcomes = [EnqueueOutcome?](repeating: nil, count: jobs.count)
        var failures = 0
        var pending = chunks[...]
        var mayBeLate = true
        while !pending.isEmpty {
            let wave = Self.wave(pending)
            pending = pending.dropFirst(wave.count)
            let notAfter = clock.notAfter(options.commandTimeout)
            let calls = wave.map { call(for: $0.places.map { jobs[$0] }, notAfter: notAfter) }
            let replies =
                calls.count == 1
                ? [await result(of: calls[0], idempotent: true)] : try await client.pipeline(calls, idempotent: true)
            try Task.checkCancellation()
            var late: [Chunk] = []
            for (chunk, reply) in zip(wave, replies) {
                switch reply {
                case .success(let reply):
                    try read(reply, of: chunk, jobs, into: &outcomes)
                case .failure(let error) where error.code == .other("LATE") && mayBeLate:
                    late.append(chunk)
                case .failure(let error):
                    failures += 1
                    if failures == chunks.count { throw SpanQueueError(error) }
                    for place in chunk.places { outcomes[place] = .refused(SpanQueueError(error)) }
                }
            }
            guard !late.isEmpty else { continue }
            // Nothing of it ran: our idea of the server's clock is wrong. It is learnt anew, once.
            clock.forget()
            mayBeLate = false
            pending = late + pending
        }
        try await confirm(options.durability, since: generation)
        return outcomes.compactMap { $0 }
    }

    /// The chunks that leave in one write: the first, and as many more as the client has room for beside other calls.
    private static func wave(_ chunks: ArraySlice<Chunk>) -> ArraySlice<Chunk> {
        var bytes = 0
        let more = chunks.dropFirst().prefix { chunk in
            bytes += chunk.bytes
            return bytes <= waveBytes
        }
        return chunks.prefix(1 + more.count)
    }

    private static func chunks(of jobs: [NewJob]) -> [Chunk] {
        var full: [Chunk] = []
        var open: [String: Chunk] = [:]
        var order: [String] = []
        for (place, job) in jobs.enumerated() {
            let queue = job.message.queue
            var chunk = open[queue] ?? Chunk()
            if open[queue] == nil { order.append(queue) }
            if chunk.places.count == chunkJobs
                || (!chunk.places.isEmpty && chunk.bytes + job.message.payload.count > chunkBytes)
            {
                full.append(chunk)
                chunk = Chunk()
            }
            chunk.places.append(place)
            chunk.bytes += job.message.payload.count
            open[queue] = chunk
        }
        return full + order.compactMap { open[$0] }
    }

    /// The leading jobs without options, whose ids are our own, take two arguments each, the others six. No job overtakes
    /// another of its call by that.
    private static func isPlain(_ job: NewJob) -> Bool {
        job.schedule == .now && job.message.priority == 0 && job.message.unique == nil
            && job.message.contentDigest == nil
    }

    private func call(for jobs: [NewJob], notAfter: Int64) -> RedisScriptCall {
        let keys = keys(jobs[0].message.queue)
        let plain = jobs.prefix(while: Self.isPlain)
        return RedisScriptCall(
            scripts.enqueue,
            keys: [
                keys.jobs, keys.ready, keys.priority, keys.scheduled, keys.unique, keys.uniqueExpiry, keys.meta,
                keys.wake,
            ]
        ) { arguments in
            arguments.append(notAfter)
            arguments.append(plain.count)
            for job in plain {
                arguments.append(job.message.id.description)
                arguments.append(MessagePacking.pack(job))
            }
            for job in jobs.dropFirst(plain.count) {
                arguments.append(job.message.id.description)
                arguments.append(MessagePacking.pack(job))
                switch job.schedule {
                case .now: arguments.append("")
                case .after(let delay): arguments.append("+\(delay.milliseconds)")
                case .at(let moment): arguments.append("@\(moment.milliseconds)")
                }
                arguments.append(job.message.priority)
                arguments.append(job.message.unique?.digest ?? [])
                if case .duration(let span) = job.message.unique?.span {
                    arguments.append(span.milliseconds)
                } else {
                    arguments.append("")
                }
            }
        }
    }

    private func read(
        _ reply: RESPReply, of chunk: Chunk, _ jobs: [NewJob], into outcomes: inout [EnqueueOutcome?]
    ) throws {
        do {
            var cursor = RESPCursor(reply)
            let count = try cursor.nextArrayCount()
            let now = Timestamp(milliseconds: try cursor.nextDecimal())
            clock.learn(now)
            let places = chunk.places
            for place in places {
                outcomes[place] = Self.accepted(jobs[place], at: now, isRepeat: false)
            }
            for _ in 0..<(count - 1) / 3 {
                let index = Int(try cursor.nextInteger()) - 1
                let kind = try cursor.nextString()
                let detail = try cursor.nextString()
                guard places.indices.contains(index) else { throw PackingError(description: "no job \(index)") }
                let place = places[index]
                switch kind {
                case "r":
                    let at = Timestamp(milliseconds: Int64(detail) ?? now.milliseconds)
                    outcomes[place] = Self.accepted(jobs[place], at: at, isRepeat: true)
                case "d": outcomes[place] = .duplicate(of: JobID(unchecked: detail))
                default: outcomes[place] = .conflict
                }
            }
        } catch {
            throw SpanQueueError.unexpectedReply("enqueue", error)
        }
    }

    private static func accepted(_ job: NewJob, at now: Timestamp, isRepeat: Bool) -> EnqueueOutcome {
        .accepted(enqueuedAt: now, runAt: job.message(acceptedAt: now).runAt, isRepeat: isRepeat)
    }
}
