// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

/// What must hold in a queue, one rule for each way in which it can be broken; not each engine can break each. The raw value is the rule's name for programs.
package enum AuditRule: String, Sendable, Hashable, Codable, CaseIterable {
    // In the order in which they are repaired: what comes first may be what a later one needs.

    /// A key has another type than the layout says. Nothing else of its queue can be checked.
    case wrongType = "wrong-type"
    /// A key begins like ours and is not in the layout.
    case unknownKey = "unknown-key"
    /// A queue has keys, or rows, and no name in the list of queues.
    case queueNotListed = "queue-not-listed"
    /// The announcement of a worker would stay forever.
    case workerKeyWithoutTTL = "worker-key-without-ttl"
    /// A job is in more than one state, or in a list of completed jobs more than once.
    case oneSet = "one-set"
    /// A job stands more than once in the list of ready jobs.
    case twiceInReady = "twice-in-ready"
    /// An id is in a state, and its job is gone.
    case setWithoutMessage = "set-without-message"
    /// A job is in no state: no worker will ever find it.
    case messageWithoutSet = "message-without-set"
    /// A job is active, and no worker has a lease of it that can be read.
    case activeWithoutLease = "active-without-lease"
    /// A worker has a lease of a job that is not active.
    case leaseWithoutActive = "lease-without-active"
    /// A token was given out that is higher than the counter of tokens.
    case tokenAhead = "token-ahead"
    /// A job's tokens do not rise from attempt to attempt.
    case tokenOrder = "token-order"
    /// A job had more attempts than it may have.
    case attemptsExceeded = "attempts-exceeded"
    /// A job was reclaimed more often than it may be.
    case reclaimsExceeded = "reclaims-exceeded"
    /// A dead letter whose record does not say why it is dead.
    case deadWithoutReason = "dead-without-reason"
    /// A job's message can't be read.
    case unreadableMessage = "unreadable-message"
    /// The record of a job's runs can't be read.
    case unreadableRun = "unreadable-run"
    /// A unique lock that can't be read, which makes every enqueue of its kind fail.
    case unreadableLock = "unreadable-lock"
    /// A unique lock whose owner is gone, has ended, or has no such lock.
    case lockWithoutOwner = "lock-without-owner"
    /// A job that must be unique and does not hold its lock.
    case lockMissing = "lock-missing"
    /// A unique lock for a time that nothing will sweep away.
    case lockWithoutExpiry = "lock-without-expiry"
    /// What is kept of the runs of a job that is gone.
    case orphanRun = "orphan-run"
    /// A cancel was asked for of a job that is not active.
    case orphanCancelling = "orphan-cancelling"
    /// The totals do not agree with the number of jobs.
    case totals = "totals"

    /// The number of the invariant that it belongs to, as in the table of the command's documentation.
    package var invariant: Int {
        switch self {
        case .oneSet, .setWithoutMessage, .messageWithoutSet, .unreadableMessage, .unreadableRun: 1
        case .activeWithoutLease, .leaseWithoutActive: 2
        case .totals: 3
        case .tokenOrder, .tokenAhead: 4
        case .attemptsExceeded, .reclaimsExceeded, .deadWithoutReason: 6
        case .lockWithoutOwner, .lockMissing, .unreadableLock: 7
        case .twiceInReady: 8
        case .orphanRun, .orphanCancelling, .lockWithoutExpiry, .queueNotListed, .workerKeyWithoutTTL, .unknownKey,
            .wrongType:
            11
        }
    }

    /// Whether a repair can lose nothing.
    package var isRepairable: Bool {
        switch self {
        case .wrongType, .unknownKey, .tokenOrder, .attemptsExceeded, .reclaimsExceeded, .unreadableMessage,
            .unreadableRun:
            false
        default: true
        }
    }

    /// What a repair does; where there is none, what a person does.
    package var remedy: String {
        switch self {
        case .wrongType: "look at the key, and rename or delete it; then audit again"
        case .unknownKey: "find out what writes it; delete it if it is not needed"
        case .queueNotListed: "the repair lists the queue"
        case .workerKeyWithoutTTL: "the repair lets it lapse in 30 s, unless its worker is alive"
        case .oneSet: "the repair leaves it in the state that runs it at least once"
        case .twiceInReady: "the repair leaves the entry whose turn is first"
        case .setWithoutMessage: "the repair takes the id out; what the job was is lost, so enqueue it again"
        case .messageWithoutSet: "the repair makes it a dead letter: look at it, then spanq dead redrive"
        case .activeWithoutLease: "the repair lets a worker reclaim it"
        case .leaseWithoutActive, .orphanRun, .orphanCancelling: "the repair removes it"
        case .tokenAhead: "the repair raises the counter of tokens"
        case .tokenOrder: "tell whoever compares tokens; spanq job remove forgets the job once it has ended"
        case .attemptsExceeded, .reclaimsExceeded: "find out why with spanq job show; then cancel or remove the job"
        case .deadWithoutReason: "the repair writes down that its reason is unknown"
        case .unreadableMessage, .unreadableRun: "a newer version may have written it: upgrade; else spanq job remove"
        case .unreadableLock, .lockWithoutOwner: "the repair releases the lock"
        case .lockMissing: "the repair takes the lock, if it is free; else cancel one of the two jobs"
        case .lockWithoutExpiry: "the repair has it swept in time"
        case .totals: "the repair raises what is too low"
        }
    }
}
