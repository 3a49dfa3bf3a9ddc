// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import HiredisClient
import SpanQueue

extension RedisEngine: JobMover {
    /// Scripts run one after the other: once the pause is there, no claim is under way.
    func halt(_ queue: String, note: OperatorNote) async throws {
        let meta = keys(queue).meta
        if let bits = try Self.text(try await send(RESPCommand("HGET", meta, "uses"))), bits != "0" {
            throw SpanQueueError(
                .unsupported,
                "the queue uses features that this version of SpanQueue does not know (bits \(bits)): upgrade it")
        }
        // A queue is there once it counts its jobs, and is listed.
        _ = try await all([RESPCommand("HINCRBY", meta, "enqueued", "0"), Self.listing([queue])])
        _ = try await pause(queue, note: note)
    }

    func packed(_ request: ListRequest, isForRemoval: Bool) async throws -> PackedPage {
        let keys = keys(request.queue)
        guard request.state != .active, let places = keys.places(of: request.state) else { return PackedPage() }
        let step = try await step(
            SearchRequest(
                queue: request.queue, state: request.state, query: JobQuery(), cursor: request.cursor,
                limit: min(request.limit, 100), isForAction: isForRemoval), places)
        var page = PackedPage(cursor: step.isEnd ? nil : step.cursor)
        for entry in try await inspect(step.ids, in: request.queue) where entry.state == request.state {
            do throws(PackingError) {
                page.jobs.append(try entry.packed(in: request.queue))
            } catch {
                page.unreadable.append(entry.id)
            }
        }
        let digests = page.jobs.compactMap(\.digest)
        guard !digests.isEmpty else { return page }
        var command = RESPCommand("HMGET", keys.unique)
        for digest in digests { command.append(digest) }
        let held = try Self.optionals(try await send(command))
        guard held.count == digests.count else {
            throw SpanQueueError(.engine, "Redis' reply to HMGET has \(held.count) values and not \(digests.count)")
        }
        var values = held[...]
        for index in page.jobs.indices {
            guard let digest = page.jobs[index].digest, let value = values.popFirst() else { continue }
            guard let value, let lock = HeldLock(digest: digest, value: value), lock.owner == page.jobs[index].id else {
                continue
            }
            page.jobs[index].lock = lock
        }
        return page
    }

    func adopt(_ jobs: [PackedJob], into queue: String, under pause: PauseNote) async throws -> [AdoptOutcome] {
        guard !jobs.isEmpty else { return [] }
        let generation = await client.generation
        let reply = try await call(
            RedisScriptCall(scripts.adopt, keys: keys(queue).all) { arguments in
                arguments.append(Self.text(of: pause))
                for job in jobs {
                    arguments.append(job.id.description)
                    let isRetained = job.keptUntil != nil
                    arguments.append(isRetained ? "retained" : job.state.rawValue)
                    let moment = job.dueAt ?? job.keptUntil ?? (job.state == .completed ? nil : job.endedAt)
                    arguments.append(moment.map { String($0.milliseconds) } ?? "")
                    arguments.append(job.message)
                    arguments.append(job.run ?? [])
                    arguments.append(job.token)
                    arguments.append(job.lock?.digest ?? [])
                    arguments.append(job.lock?.until?.milliseconds ?? 0)
                }
            })
        let outcomes: [AdoptOutcome]
        do {
            var cursor = RESPCursor(reply)
            outcomes = try (0..<(try cursor.nextArrayCount())).map { _ in
                let count = try cursor.nextArrayCount()
                let word = try cursor.nextString()
                switch (word, count) {
                case ("adopted", 1): return .adopted
                case ("there", 3):
                    return .there(JobState(rawValue: try cursor.nextString()), run: try cursor.nextOptionalBytes())
                case ("locked", 2): return .locked(by: JobID(unchecked: try cursor.nextString()))
                default: return .conflict
                }
            }
        } catch {
            throw SpanQueueError.unexpectedReply("adopt", error)
        }
        guard outcomes.count == jobs.count else {
            throw SpanQueueError(.engine, "Redis' reply to adopt is of \(outcomes.count) of \(jobs.count) jobs")
        }
        try await confirm(options.durability, in: queue, since: generation, until: .now + options.commandTimeout)
        return outcomes
    }

    func drop(_ jobs: [PackedJob], from queue: String, under pause: PauseNote) async throws -> [DropOutcome] {
        guard !jobs.isEmpty else { return [] }
        let reply = try await call(
            RedisScriptCall(scripts.drop, keys: keys(queue).all) { arguments in
                arguments.append(Self.text(of: pause))
                for job in jobs {
                    arguments.append(job.id.description)
                    arguments.append(job.state.rawValue)
                    arguments.append(job.enqueuedAt.stamp)
                    arguments.append(job.run ?? [])
                }
            }, idempotent: false)
        let words = try Self.names(reply)
        guard words.count == jobs.count else {
            throw SpanQueueError(.engine, "Redis' reply to drop is of \(words.count) of \(jobs.count) jobs")
        }
        return words.map { word in
            switch word {
            case "dropped": .dropped
            case "gone": .gone
            default: .changed
            }
        }
    }

    /// A pause as `meta` has it.
    private static func text(of pause: PauseNote) -> String {
        pause.at.stamp + reason(pause.note.reason, by: pause.note.by)
    }

    private static func text(_ reply: RESPReply) throws -> String? {
        var cursor = RESPCursor(reply)
        return try cursor.nextOptionalString()
    }

    private static func optionals(_ reply: RESPReply) throws -> [[UInt8]?] {
        var cursor = RESPCursor(reply)
        return try (0..<(try cursor.nextArrayCount())).map { _ in try cursor.nextOptionalBytes() }
    }

    // MARK: Locks and errors

    func timedLocks(of queue: String, after cursor: String?) async throws -> (locks: [HeldLock], cursor: String?) {
        let reply = try await send(RESPCommand("HSCAN", keys(queue).unique, cursor ?? "0", "COUNT", "50"))
        do {
            var cursor = RESPCursor(reply)
            try cursor.nextArray(of: 2)
            let next = try cursor.nextString()
            var locks: [HeldLock] = []
            for _ in 0..<(try cursor.nextArrayCount() / 2) {
                let (digest, value) = (try cursor.nextBytes(), try cursor.nextBytes())
                if let lock = HeldLock(digest: digest, value: value), lock.until != nil { locks.append(lock) }
            }
            return (locks, next == "0" ? nil : next)
        } catch {
            throw SpanQueueError.unexpectedReply("HSCAN", error)
        }
    }

    func adopt(_ locks: [HeldLock], into queue: String) async throws {
        try await along("locks", locks, into: queue) { lock, arguments in
            arguments.append(lock.digest)
            arguments.append(lock.until?.milliseconds ?? 0)
            arguments.append(lock.owner.description)
        }
    }

    func adopt(_ groups: [ErrorGroup], into queue: String) async throws {
        try await along("errors", groups, into: queue) { group, arguments in
            arguments.append(group.fingerprint.map(ErrorFingerprint.text) ?? "other")
            let parts = [group.jobType, group.errorType, group.version, group.masked]
            arguments.append(
                ([group.firstSeen.stamp + group.lastSeen.stamp + String(group.count)] + parts).joined(
                    separator: "\0"))
        }
    }

    /// A hash in a small encoding is scanned as a whole, whatever the count says: a hundred a call.
    private func along<Item>(
        _ word: String, _ items: [Item], into queue: String, _ append: (Item, inout RESPCommand) -> Void
    ) async throws {
        let keys = keys(queue)
        for start in stride(from: 0, to: items.count, by: 100) {
            let batch = items[start..<min(start + 100, items.count)]
            _ = try await call(
                RedisScriptCall(scripts.along, keys: [keys.jobs, keys.unique, keys.uniqueExpiry, keys.errors]) {
                    arguments in
                    arguments.append(word)
                    for item in batch { append(item, &arguments) }
                })
        }
    }
}

extension InspectedJob {
    fileprivate func packed(in queue: String) throws(PackingError) -> PackedJob {
        var job = try PackedJob(id: id, queue: queue, state: state, message: Array(message), run: run)
        switch state {
        case .scheduled, .retrying: job.dueAt = score
        case .completed: job.keptUntil = score
        case .dead, .cancelled: job.endedAt = score ?? job.endedAt
        default: break
        }
        return job
    }
}

extension HeldLock {
    /// By what Redis stores: `<end in ms, or 0>:<owner>`, and perhaps more before the colon. Nil for what is none.
    fileprivate init?(digest: [UInt8], value: [UInt8]) {
        guard let colon = value.firstIndex(of: UInt8(ascii: ":")) else { return nil }
        let digits = value[..<colon].prefix { (48...57).contains($0) }
        guard let end = Int64(String(decoding: digits, as: UTF8.self)) else { return nil }
        let owner = String(decoding: value[(colon + 1)...], as: UTF8.self)
        self.init(
            digest: digest, owner: JobID(unchecked: owner), until: end == 0 ? nil : Timestamp(milliseconds: end))
    }
}
