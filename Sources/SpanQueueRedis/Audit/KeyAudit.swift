// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import HiredisClient
import SpanQueue

/// Checks the keys themselves: their names, their types, and that none stays forever without being referenced.
struct KeyAudit {
    let session: AuditSession
    /// Only the keys of these queues and those of all queues together; nil for every key that begins with `spanq:`.
    let queues: [String]?

    /// How often a key is looked at until it is called wrong: an announcement of a worker is two commands, the second of which gives
    /// it its TTL, and a queue is listed before its first job.
    private static let looks = 3

    func run() async throws -> [AuditViolation] {
        var suspects: [String: AuditViolation] = [:]
        for violation in try await judge([
            RedisKeys.queues, RedisKeys.workers, RedisKeys.clock, RedisKeys.journal, RedisKeys.layout,
            RedisKeys.Old.queues, RedisKeys.Old.workers,
        ]) {
            suspects[violation.subject] = violation
        }
        for pattern in queues?.map({ "spanq:{\($0)}:*" }) ?? ["spanq:*"] {
            try await scan(pattern) { found in
                for violation in found where suspects.count < RedisAudit.maximumViolations {
                    suspects[violation.subject] = violation
                }
            }
        }
        for _ in 1..<Self.looks where !suspects.isEmpty {
            try await Task.sleep(for: .milliseconds(50))
            var confirmed: [String: AuditViolation] = [:]
            for names in suspects.values.map(\.evidence.id).slices(of: 100) {
                for violation in try await judge(names) { confirmed[violation.subject] = violation }
            }
            suspects = confirmed
        }
        return Array(suspects.values)
    }

    private func scan(_ pattern: String, _ body: ([AuditViolation]) -> Void) async throws {
        var size = StepSize(most: 1000)
        var cursor = "0"
        repeat {
            let (reply, took) = try await session.measure {
                try await session.engine.send(
                    RESPCommand("SCAN", cursor, "MATCH", pattern, "COUNT", "\(size.count)"))
            }
            var reader = RESPCursor(reply)
            var names: [String] = []
            do {
                try reader.nextArray(of: 2)
                cursor = try reader.nextString()
                for _ in 0..<(try reader.nextArrayCount()) { names.append(try reader.nextString()) }
            } catch {
                throw SpanQueueError.unexpectedReply("SCAN", error)
            }
            size.record(took, entries: names.count, bytes: 0)
            if !names.isEmpty { body(try await judge(names)) }
        } while cursor != "0"
    }

    private func judge(_ names: [String]) async throws -> [AuditViolation] {
        var commands: [RESPCommand] = []
        for name in names {
            commands.append(RESPCommand("TYPE", name))
            commands.append(RESPCommand("PTTL", name))
            let queue = RedisKeys.parts(of: name)?.queue ?? ""
            commands.append(RESPCommand("SISMEMBER", RedisKeys.queues, queue))
            commands.append(RESPCommand("SISMEMBER", RedisKeys.Old.queues, queue))
        }
        let (replies, _) = try await session.measure {
            try await session.engine.client.pipeline(commands, idempotent: true)
        }
        var found: [AuditViolation] = []
        for (index, name) in names.enumerated() {
            do throws(RedisError) {
                let type = try replies[4 * index].get().string()
                let ttl = try replies[4 * index + 1].get().integer()
                // The set of queues may be what has the wrong type. That of layout 1 counts until an upgrade is finished.
                let isListed = replies[(4 * index + 2)...(4 * index + 3)].contains {
                    (try? $0.get().integer()) != 0
                }
                // It has gone since.
                guard type != "none" else { continue }
                found += violation(name, type: type, hasTTL: ttl != -1, isListed: isListed).map { [$0] } ?? []
            } catch {
                throw SpanQueueError(error)
            }
        }
        return found
    }

    // MARK: Judging, which needs no Redis

    /// What is wrong with a key.
    func violation(_ name: String, type: String, hasTTL: Bool, isListed: Bool) -> AuditViolation? {
        let queue = RedisKeys.parts(of: name)?.queue
        func violation(_ rule: AuditRule, _ detail: String, subject: String? = nil) -> AuditViolation {
            AuditViolation(
                rule, queue: queue, subject: subject ?? name, detail, evidence: .init(id: name))
        }
        guard let expected = Self.type(of: name) else { return violation(.unknownKey, "is not a key of the layout") }
        guard type == expected else { return violation(.wrongType, "is a \(type), and should be a \(expected)") }
        if Self.isWorker(name), !hasTTL { return violation(.workerKeyWithoutTTL, "would stay forever") }
        if let queue, !isListed { return violation(.queueNotListed, "is not in \(RedisKeys.queues)", subject: queue) }
        return nil
    }

    private static func isWorker(_ name: String) -> Bool {
        [RedisKeys.worker(""), RedisKeys.Old.worker("")].contains {
            name.hasPrefix($0) && name.utf8.count > $0.utf8.count
        }
    }

    /// The type that the layout says; nil for a key that it does not name.
    static func type(of name: String) -> String? {
        switch name {
        case RedisKeys.queues, RedisKeys.Old.queues: return "set"
        case RedisKeys.workers, RedisKeys.Old.workers: return "zset"
        case RedisKeys.journal: return "stream"
        case RedisKeys.clock: return "hash"
        case RedisKeys.layout, RedisKeys.Old.fence: return "string"
        default:
            if let (_, part) = RedisKeys.parts(of: name) {
                return QueueKey.allCases.first { $0.part == part }?.type
            }
            return isWorker(name) ? "hash" : nil
        }
    }
}
