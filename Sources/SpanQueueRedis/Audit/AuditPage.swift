import HiredisClient
import SpanQueue

/// What `audit.lua` tells in one call.
struct AuditPage {
    /// The server's time.
    let now: Timestamp
    let lastToken: Int64?
    /// "0" after the last page.
    let next: String
    /// Ids of a list, those nearer to the tail first.
    private(set) var ids: [String] = []
    private(set) var locks: [(digest: [UInt8], value: [UInt8], hasExpiry: Bool)] = []
    private(set) var numbers: [Int64?] = []
    let jobs: [JobFacts]

    enum Entries {
        case none, ids, locks, numbers
    }

    init(_ reply: RESPReply, entries: Entries) throws {
        do {
            var cursor = RESPCursor(reply)
            try cursor.nextArray(of: 5)
            now = Timestamp(milliseconds: try cursor.nextDecimal())
            lastToken = Int64(try cursor.nextString())
            next = try cursor.nextString()
            let count = try cursor.nextArrayCount()
            switch entries {
            case .none: break
            case .ids:
                ids.reserveCapacity(count)
                for _ in 0..<count { ids.append(try cursor.nextString()) }
            case .locks:
                for _ in 0..<count / 3 {
                    let (digest, value) = (try cursor.nextBytes(), try cursor.nextBytes())
                    locks.append((digest, value, try cursor.nextOptionalBytes() != nil))
                }
            case .numbers:
                for _ in 0..<count {
                    // What was planted in a total may be anything.
                    let isText = cursor.nextKind != .integer
                    numbers.append(isText ? Int64(try cursor.nextString()) : try cursor.nextInteger())
                }
            }
            jobs = try JobFacts.read(&cursor)
        } catch {
            throw SpanQueueError.unexpectedReply("audit", error)
        }
    }

    /// The locks with their owners, which come in the same order.
    var lockFacts: [LockFacts] {
        zip(locks, jobs).map {
            LockFacts(digest: $0.digest, value: $0.value, hasExpiry: $0.hasExpiry, owner: $1)
        }
    }
}
