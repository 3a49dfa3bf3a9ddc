import HiredisClient
import SpanQueue

/// The sorted sets that an id is in.
struct AuditSets: OptionSet, Sendable, Hashable {
    let rawValue: Int
    static let scheduled = AuditSets(rawValue: 1)
    static let retrying = AuditSets(rawValue: 2)
    static let active = AuditSets(rawValue: 4)
    static let priority = AuditSets(rawValue: 8)
    static let dead = AuditSets(rawValue: 16)
    static let cancelled = AuditSets(rawValue: 32)
    static let retained = AuditSets(rawValue: 64)

    private static let names = ["scheduled", "retrying", "active", "priority", "dead", "cancelled", "retained"]

    var names: [String] { Self.names.indices.filter { rawValue & 1 << $0 != 0 }.map { Self.names[$0] } }
}

/// All that Redis holds of one job, read in one moment, but for its places in the two lists.
struct JobFacts: Sendable, Hashable {
    let id: String
    /// The length of its message; nil if it has none.
    let messageBytes: Int?
    /// The start of its message.
    let messageStart: [UInt8]
    let run: [UInt8]?
    let lease: String?
    let isCancelling: Bool
    let sets: AuditSets
    /// What the lock that its message names has for its value.
    let lock: [UInt8]?

    /// How much Redis copied to tell.
    var bytes: Int { (messageBytes ?? 0) + (run?.count ?? 0) }

    var stamp: [UInt8] { Array(messageStart.prefix(13)) }

    /// The same in two looks if the job has stood still between them: it is in the same sets, and nothing was written of it. What
    /// moves a job through several sets and back leaves its trace in the run. A number, because there may be many to remember.
    var standing: Int {
        var hasher = Hasher()
        hasher.combine(messageBytes)
        hasher.combine(stamp)
        hasher.combine(run)
        hasher.combine(lease)
        hasher.combine(isCancelling)
        hasher.combine(sets)
        return hasher.finalize()
    }

    static func read(_ cursor: inout RESPCursor) throws -> [JobFacts] {
        let count = try cursor.nextArrayCount() / 8
        var facts: [JobFacts] = []
        facts.reserveCapacity(count)
        for _ in 0..<count {
            let id = try cursor.nextString()
            let length = Int(try cursor.nextInteger())
            let start = try cursor.nextBytes()
            facts.append(
                JobFacts(
                    id: id, messageBytes: length < 0 ? nil : length, messageStart: start,
                    run: try cursor.nextOptionalBytes(), lease: try cursor.nextOptionalString(),
                    isCancelling: try cursor.nextOptionalBytes() != nil,
                    sets: AuditSets(rawValue: Int(try cursor.nextInteger())), lock: try cursor.nextOptionalBytes()))
        }
        return facts
    }
}
