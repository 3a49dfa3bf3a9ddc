import HiredisClient
import SpanQueue

/// The calls of one audit: each is one short step, and what they cost is kept for the report. One task owns it.
final class AuditSession {
    let engine: RedisEngine
    let maxReclaims: Int
    private let progress: (AuditProgress) -> Void
    var report = AuditReport()

    init(engine: RedisEngine, maxReclaims: Int, progress: @escaping (AuditProgress) -> Void) {
        self.engine = engine
        self.maxReclaims = maxReclaims
        self.progress = progress
    }

    /// What a call of `audit.lua` is to read.
    enum Place {
        case messages, totals, locks
        case jobs([String])
        case namedLocks([[UInt8]])
        case members(QueueKey)
        case list(QueueKey)

        var entries: AuditPage.Entries {
            switch self {
            case .messages, .members, .jobs: .none
            case .totals: .numbers
            case .locks, .namedLocks: .locks
            case .list: .ids
            }
        }
    }

    /// - Parameter messageBytes: how much of each message is wanted.
    func read(
        _ place: Place, of keys: RedisKeys, cursor: String = "0", count: Int = 0, messageBytes: Int = 1024
    ) async throws -> (page: AuditPage, took: Duration) {
        let reply = try await measure {
            try await engine.call(
                RedisScriptCall(engine.scripts.audit, keys: keys.all) { arguments in
                    let (word, key): (String, QueueKey?) =
                        switch place {
                        case .messages: ("messages", nil)
                        case .totals: ("totals", nil)
                        case .locks: ("locks", nil)
                        case .jobs: ("jobs", nil)
                        case .namedLocks: ("named locks", nil)
                        case .members(let key): ("members", key)
                        case .list(let key): ("list", key)
                        }
                    arguments.append(word)
                    arguments.append(key?.rawValue ?? 0)
                    arguments.append(cursor)
                    arguments.append(count)
                    arguments.append(messageBytes)
                    switch place {
                    case .jobs(let ids): for id in ids { arguments.append(id) }
                    case .namedLocks(let digests): for digest in digests { arguments.append(digest) }
                    default: break
                    }
                })
        }
        return (try AuditPage(reply.result, entries: place.entries), reply.took)
    }

    /// Runs one call of Redis and notes what it cost.
    func measure<Result>(_ call: () async throws -> Result) async throws -> (result: Result, took: Duration) {
        let start = ContinuousClock.now
        let result = try await call()
        let took = ContinuousClock.now - start
        report.steps += 1
        report.longestStep = max(report.longestStep, took)
        return (result, took)
    }

    func tell(_ queue: String?, _ fraction: Double) {
        progress(AuditProgress(queue: queue, fraction: max(0, min(1, fraction))))
    }
}
