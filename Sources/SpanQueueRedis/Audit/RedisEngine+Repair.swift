import HiredisClient
import SpanQueue

extension RedisEngine {
    /// Repairs one violation, if it is still there.
    ///
    /// - Returns: whether something was repaired.
    func repair(_ violation: AuditViolation) async throws -> Bool {
        switch violation.rule {
        case .queueNotListed:
            return try await send(RESPCommand("SADD", RedisKeys.queues, violation.subject)).integer() == 1
        case .workerKeyWithoutTTL:
            // A worker that is alive sets a TTL of its own at its next announcement.
            return try await send(RESPCommand("PEXPIRE", violation.subject, "30000", "NX")).integer() == 1
        default:
            guard let queue = violation.queue else { return false }
            return try await repair(violation, in: keys(queue))
        }
    }

    private func repair(_ violation: AuditViolation, in keys: RedisKeys) async throws -> Bool {
        let evidence = violation.evidence
        // Sent again after a lost reply it does no harm: the damage is then gone.
        let reply = try await call(
            RedisScriptCall(scripts.repair, keys: keys.all) { arguments in
                arguments.append(violation.rule.rawValue)
                arguments.append(evidence.id)
                arguments.append(evidence.stamp)
                arguments.append(evidence.run)
                arguments.append(evidence.digest)
                arguments.append(evidence.value)
            })
        return try reply.integer() > 0
    }
}
