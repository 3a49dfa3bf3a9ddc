import HiredisClient
import SpanQueue

/// A unique lock and its owner, read in one moment.
struct LockFacts: Sendable, Hashable {
    let digest: [UInt8]
    let value: [UInt8]
    /// Whether the sweep knows of it.
    let hasExpiry: Bool
    let owner: JobFacts

    private var shownDigest: String {
        digest.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    /// Says what is wrong with it.
    func violations(queue: String) -> [AuditViolation] {
        func violation(_ rule: AuditRule, _ detail: String) -> [AuditViolation] {
            [
                AuditViolation(
                    rule, queue: queue, subject: shownDigest, detail,
                    evidence: .init(
                        id: owner.id, stamp: owner.stamp, run: owner.run ?? [], digest: digest, value: value))
            ]
        }
        let text = String(decoding: value, as: UTF8.self)
        guard let colon = text.firstIndex(of: ":"), let expiry = UInt64(text[..<colon]) else {
            return violation(.unreadableLock, "\"\(Excerpt.printable(text, limit: 150))\" is no lock")
        }
        if expiry > 0 {
            return hasExpiry
                ? [] : violation(.lockWithoutExpiry, "of \(owner.id) ends by time, and is not in unique-expiry")
        }
        guard owner.messageBytes != nil else { return violation(.lockWithoutOwner, "its owner \(owner.id) is gone") }
        // Of a message that can't be read nothing is known.
        guard
            let message = try? MessagePacking.unpack(owner.messageStart, id: JobID(unchecked: owner.id), queue: queue),
            let run = try? owner.run.map({ try RunPacking.unpack($0, eligibleAt: message.eligibleAt) }) ?? RunRecord()
        else { return [] }
        guard let unique = message.unique, unique.digest == digest else {
            return violation(.lockWithoutOwner, "its owner \(owner.id) has no such lock")
        }
        if JobJudge.hasEnded(owner, run) { return violation(.lockWithoutOwner, "its owner \(owner.id) has ended") }
        if unique.span == .untilStarted, owner.sets == .active {
            return violation(.lockWithoutOwner, "its owner \(owner.id) has started")
        }
        return []
    }
}
