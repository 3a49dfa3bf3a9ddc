// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

/// What of one queue is to be settled, and what of it goes out next. It counts; the worker keeps the settlements themselves, in the same order.
///
/// A settlement that failed is repeated until the engine takes it: with the same token that is harmless, and meanwhile heartbeats keep the
/// job ours. It does not stand in the way of others: what failed and what is new never share a call, and the calls for what failed get
/// smaller until one succeeds, so that a single settlement that the engine cannot take ends up alone.
struct SettlingLane {
    /// How many settlements leave together at most.
    static let largestBatch = 512
    private static let pauses = Pauses(base: .milliseconds(50), cap: .seconds(2))

    enum Kind: Equatable {
        /// Not sent yet.
        case fresh
        /// Sent before, and refused or not answered.
        case failed
    }

    enum Step: Equatable {
        /// Send so many of them, from the front.
        case send(Kind, atMost: Int)
        /// Nothing to do before this moment, or, where nil, before something has to be settled.
        case sleep(until: ContinuousClock.Instant?)
    }

    /// Those that wait.
    private(set) var fresh = 0
    private(set) var failed = 0
    private(set) var sent: (kind: Kind, count: Int)?
    /// Since when the engine has refused some; nil where it takes all.
    private(set) var failingSince: ContinuousClock.Instant?
    private var failures = 0
    /// New ones were refused, all of a call: the whole queue is in trouble, so they wait as well.
    private var isHeldUp = false
    private var retryAt: ContinuousClock.Instant?
    private var failedBatch = largestBatch
    private var latest = Kind.failed

    /// All that the engine has not taken.
    var count: Int { fresh + failed + (sent?.count ?? 0) }

    mutating func add() {
        fresh += 1
    }

    mutating func next(at now: ContinuousClock.Instant) -> Step {
        guard sent == nil else { return .sleep(until: nil) }
        let isPausing = retryAt.map { $0 > now } ?? false
        let mayFresh = fresh > 0 && !(isHeldUp && isPausing)
        let mayFailed = failed > 0 && !isPausing
        switch (mayFresh, mayFailed) {
        case (true, true): latest = latest == .fresh ? .failed : .fresh
        case (true, false): latest = .fresh
        case (false, true): latest = .failed
        case (false, false): return .sleep(until: count == 0 ? nil : retryAt)
        }
        return .send(latest, atMost: latest == .fresh ? min(fresh, Self.largestBatch) : min(failed, failedBatch))
    }

    /// So many of them are on their way, which may be fewer than asked for.
    mutating func send(_ kind: Kind, _ count: Int) {
        sent = (kind, count)
        switch kind {
        case .fresh: fresh -= count
        case .failed: failed -= count
        }
    }

    /// The call has been answered.
    ///
    /// - Parameters:
    ///   - refused: how many of those sent are to be sent again; they go behind all others that failed.
    ///   - random: from 0 to 1.
    /// - Returns: whether this is the first failure after all went well.
    mutating func answered(refused: Int, at now: ContinuousClock.Instant, random: Double) -> Bool {
        guard let (kind, count) = sent else { return false }
        sent = nil
        failed += refused
        let tookSome = refused < count
        if tookSome {
            failures = 0
            isHeldUp = false
            if kind == .failed { failedBatch = min(failedBatch * 2, Self.largestBatch) }
        }
        guard refused > 0 else {
            if failed == 0 {
                failingSince = nil
                retryAt = nil
                failedBatch = Self.largestBatch
            }
            return false
        }
        failures += 1
        if !tookSome {
            if kind == .fresh { isHeldUp = true }
            if kind == .failed { failedBatch = max(1, failedBatch / 4) }
        }
        retryAt = now + Self.pauses.pause(after: failures, random: random)
        guard failingSince == nil else { return false }
        failingSince = now
        return true
    }
}
