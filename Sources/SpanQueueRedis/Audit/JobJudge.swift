import SpanQueue

/// Says what is wrong with a job by what Redis holds of it. Pure: facts in, violations out.
struct JobJudge {
    let queue: String
    let maxReclaims: Int
    /// The last token that the queue gave out, in the moment of the facts.
    let lastToken: Int64?

    /// - Parameters:
    ///   - ready: how often the job stands in the list of ready jobs, as far as is known.
    ///   - completed: the same of the list of completed ones.
    ///   - isStray: whether it is known to be in neither list.
    func violations(
        _ facts: JobFacts, ready: Int = 0, completed: Int = 0, isStray: Bool = false
    ) -> [AuditViolation] {
        let lists = (ready > 0 ? ["ready"] : []) + (completed > 0 ? ["completed"] : [])
        let places = facts.sets.names + lists
        guard facts.messageBytes != nil else { return withoutMessage(facts, places) }
        var found: [AuditViolation] = []
        func add(_ rule: AuditRule, _ detail: String, value: [UInt8] = []) {
            found.append(violation(rule, facts, detail, value: value))
        }
        if places.count > 1 {
            add(.oneSet, "is in \(places.joined(separator: " and "))")
        } else if completed > 1 {
            add(.oneSet, "is \(completed) times in completed")
        }
        if ready > 1 { add(.twiceInReady, "is \(ready) times in ready") }
        if places.isEmpty, isStray { add(.messageWithoutSet, "is in no state") }
        if facts.sets.contains(.active) {
            if facts.lease == nil {
                add(.activeWithoutLease, "is active, and has no lease")
            } else if let lease = facts.lease, (try? Lease(lease)) == nil {
                add(
                    .activeWithoutLease, "has a lease that can't be read: \(Excerpt.printable(lease, limit: 40))",
                    value: Array(lease.utf8))
            }
        } else {
            if let lease = facts.lease {
                add(
                    .leaseWithoutActive,
                    "is not active, and \((try? Lease(lease))?.worker ?? "nobody") has a lease of it")
            }
            if facts.isCancelling { add(.orphanCancelling, "is not active, and has a cancel that was asked for") }
        }
        return found + recordViolations(facts)
    }

    private func withoutMessage(_ facts: JobFacts, _ places: [String]) -> [AuditViolation] {
        if !places.isEmpty {
            return [
                violation(.setWithoutMessage, facts, "is in \(places.joined(separator: " and ")), and has no message")
            ]
        }
        var found: [AuditViolation] = []
        if facts.lease != nil { found.append(violation(.leaseWithoutActive, facts, "has a lease, and is no job")) }
        if facts.run != nil { found.append(violation(.orphanRun, facts, "has a record of runs, and is no job")) }
        if facts.isCancelling {
            found.append(violation(.orphanCancelling, facts, "has a cancel that was asked for, and is no job"))
        }
        return found
    }

    private func violation(
        _ rule: AuditRule, _ facts: JobFacts, _ detail: String, value: [UInt8] = []
    ) -> AuditViolation {
        AuditViolation(
            rule, queue: queue, subject: facts.id, detail,
            evidence: .init(id: facts.id, stamp: facts.stamp, run: facts.run ?? [], value: value))
    }

    // MARK: What the message and the run say

    private func recordViolations(_ facts: JobFacts) -> [AuditViolation] {
        let message: JobMessage
        let run: RunRecord
        do throws(PackingError) {
            message = try MessagePacking.unpack(facts.messageStart, id: JobID(unchecked: facts.id), queue: queue)
        } catch {
            // What a later version wrote is not damaged.
            return error.isNewer ? [] : [violation(.unreadableMessage, facts, error.description)]
        }
        do throws(PackingError) {
            run =
                try facts.run.map { bytes throws(PackingError) in
                    try RunPacking.unpack(bytes, eligibleAt: message.eligibleAt)
                } ?? RunRecord()
        } catch {
            return error.isNewer ? [] : [violation(.unreadableRun, facts, error.description)]
        }
        var found: [AuditViolation] = []
        if run.attempts > message.maxAttempts {
            found.append(
                violation(.attemptsExceeded, facts, "had \(run.attempts) attempts of \(message.maxAttempts)"))
        }
        if run.reclaims > maxReclaims {
            found.append(violation(.reclaimsExceeded, facts, "was reclaimed \(run.reclaims) times of \(maxReclaims)"))
        }
        if facts.sets.contains(.dead), run.endReason == nil {
            found.append(violation(.deadWithoutReason, facts, "is dead, and nothing says why"))
        }
        return found + tokenViolations(facts, run) + lockViolations(facts, message, run)
    }

    private func tokenViolations(_ facts: JobFacts, _ run: RunRecord) -> [AuditViolation] {
        let lease = facts.lease.flatMap { try? Lease($0) }
        let tokens = run.attemptRecords.map(\.token) + (lease.map { [$0.token] } ?? [])
        var found: [AuditViolation] = []
        if let (earlier, later) = zip(tokens, tokens.dropFirst()).first(where: { !($0 < $1) }) {
            found.append(violation(.tokenOrder, facts, "had token \(later) after \(earlier)"))
        }
        if let highest = tokens.map(\.value).max(), highest > lastToken ?? 0 {
            let counter = lastToken.map { "\($0)" } ?? "absent"
            found.append(
                violation(
                    .tokenAhead, facts, "had token \(highest), and the counter is \(counter)",
                    value: Array("\(highest)".utf8)))
        }
        return found
    }

    private func lockViolations(_ facts: JobFacts, _ message: JobMessage, _ run: RunRecord) -> [AuditViolation] {
        guard let unique = message.unique, Self.mustHold(unique.span, facts, run) else { return [] }
        guard facts.lock != Array("0:\(facts.id)".utf8) else { return [] }
        let holder = facts.lock.map {
            "\"\(Excerpt.printable(String(decoding: $0, as: UTF8.self), limit: 150))\" has it"
        }
        return [violation(.lockMissing, facts, "does not hold its unique lock: \(holder ?? "it is free")")]
    }

    /// A lock for a time is no business of the job once it is taken. One until the start is released by the first claim, which leaves
    /// no trace in the run before that claim ends.
    private static func mustHold(_ span: UniqueSpan, _ facts: JobFacts, _ run: RunRecord) -> Bool {
        switch span.kind {
        case .untilFinished: !hasEnded(facts, run)
        case .untilStarted: !hasEnded(facts, run) && facts.run == nil && !facts.sets.contains(.active)
        case .duration: false
        }
    }

    /// In no sorted set a job is ready or completed, and the completed ones say so in their run.
    static func hasEnded(_ facts: JobFacts, _ run: RunRecord) -> Bool {
        if facts.sets.isDisjoint(with: [.dead, .cancelled, .retained]) {
            return facts.sets.isEmpty && run.history.last?.attempt?.outcome == .completed
        }
        return facts.sets.isDisjoint(with: [.scheduled, .retrying, .active, .priority])
    }
}
