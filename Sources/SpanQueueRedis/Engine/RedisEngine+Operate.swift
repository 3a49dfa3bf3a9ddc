import HiredisClient
import SpanQueue

extension RedisEngine {
    func pause(_ queue: String, note: OperatorNote) async throws -> Bool {
        guard try await isListed(queue) else { return false }
        _ = try await send(RESPCommand("HSET", keys(queue).meta, "paused", "1"))
        return true
    }

    func resume(_ queue: String) async throws -> Bool {
        guard try await isListed(queue) else { return false }
        let keys = keys(queue)
        _ = try await call(RedisScriptCall(scripts.resume, keys: [keys.meta, keys.wake]))
        return true
    }

    func delete(_ queue: String) async throws -> Bool {
        guard try await isListed(queue) else { return false }
        // A repeat after a lost reply finds nothing left, and is answered alike.
        let reply = try await call(
            RedisScriptCall(scripts.delete, keys: keys(queue).all) { _ in })
        guard try reply.integer() == 1 else {
            throw SpanQueueError(
                .invalidState,
                "queue \(queue) has jobs: purge them, finished ones included, and wait for those that run")
        }
        // Who enqueues into it from now on is told that the queue is new, and lists it again.
        _ = try await send(RESPCommand("SREM", RedisKeys.queues, queue))
        return true
    }

    private func isListed(_ queue: String) async throws -> Bool {
        try await send(RESPCommand("SISMEMBER", RedisKeys.queues, queue)).integer() == 1
    }

    func perform(
        _ action: JobAction, on id: JobID, in queue: String, by: String?
    ) async throws -> ActionOutcome {
        let keys = keys(queue)
        let (word, reason, isIdempotent) =
            switch action {
            case .cancel(let reason): ("cancel", reason, true)
            case .redrive: ("redrive", "", true)
            case .bury(let reason): ("bury", reason, true)
            // A second one would say that there is no such job.
            case .remove: ("remove", "", false)
            }
        let reply = try await call(
            RedisScriptCall(
                scripts.act,
                keys: [
                    keys.jobs, keys.runs, keys.scheduled, keys.retrying, keys.active, keys.priority, keys.dead,
                    keys.cancelled, keys.retained, keys.completed, keys.leases, keys.cancelling, keys.ready,
                    keys.unique,
                    keys.meta, keys.wake,
                ]
            ) { arguments in
                arguments.append(word)
                arguments.append(id.description)
                arguments.append(reason)
            }, idempotent: isIdempotent)
        do {
            var cursor = RESPCursor(reply)
            try cursor.nextArray(of: 2)
            let kind = try cursor.nextString()
            let detail = try cursor.nextString()
            switch kind {
            case "done": return .done(JobState(rawValue: detail))
            case "requested": return .requested
            case "missing": return .notFound
            case "duplicate": return .duplicate(of: JobID(unchecked: detail))
            default: return .invalidState(JobState(rawValue: detail) ?? .ready)
            }
        } catch {
            throw SpanQueueError.unexpectedReply("act", error)
        }
    }

    func performAll(_ request: BulkRequest) async throws -> BulkReply {
        guard request.state != .active, request.action == .remove || request.state == .dead else {
            throw SpanQueueError(
                .invalidArgument,
                "\(request.state.rawValue) jobs can't be \(request.action == .remove ? "removed" : "redriven") in bulk")
        }
        let keys = keys(request.queue)
        let (set, list) = keys.places(of: request.state)
        let reply = try await call(
            RedisScriptCall(
                scripts.bulk,
                keys: [
                    keys.jobs, keys.runs, set, list ?? set, keys.ready, keys.priority, keys.unique, keys.meta,
                    keys.wake,
                ]
            ) { arguments in
                arguments.append(request.action == .remove ? "remove" : "redrive")
                arguments.append(max(1, min(request.limit, 100)))
                if let notAfter = request.notAfter {
                    arguments.append(notAfter.milliseconds)
                } else {
                    arguments.append("")
                }
                arguments.append(request.skip)
            }, idempotent: false)
        do {
            var cursor = RESPCursor(reply)
            try cursor.nextArray(of: 2)
            return BulkReply(done: Int(try cursor.nextInteger()), skipped: Int(try cursor.nextInteger()))
        } catch {
            throw SpanQueueError.unexpectedReply("bulk", error)
        }
    }
}
