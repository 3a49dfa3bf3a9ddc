// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

/// Finds the primary of a service by asking Sentinels, as a value that does no I/O: answers go in, whom to ask next comes out.
///
/// They are asked one after the other; the first that answers is believed and is the first to be asked the next time. One that knows
/// an older state of affairs than we do, by its epoch, is not believed, unless all have answered and none knows better: then they were
/// set up anew.
struct SentinelSearch: Sendable {
    enum Action: Sendable, Equatable {
        case ask(RedisAddress, within: Duration)
        /// The search is over.
        case found(RedisAddress, by: RedisAddress)
        case failed(RedisError)
    }

    private struct Stale: Sendable {
        let primary: RedisAddress
        let epoch: Int64
        let sentinel: RedisAddress
    }

    /// For the first round; each that fails doubles it.
    private static let patience = Duration.milliseconds(500)
    private static let mostPatience = Duration.seconds(2)

    let service: String
    /// Those of the URL: they are never forgotten.
    private let seeds: [RedisAddress]
    /// In the order in which they are asked.
    private(set) var sentinels: [RedisAddress]
    /// The primary as it was named last.
    private(set) var primary: RedisAddress?
    private var epoch: Int64?
    private var failedRounds = 0

    // Of the round that is under way.
    private var asked: RedisAddress?
    private var left: ArraySlice<RedisAddress> = []
    private var problems: [(sentinel: RedisAddress, error: RedisError)] = []
    private var unknown = 0
    private var stale: Stale?
    /// The primary has changed since the round began: what it finds may be old.
    private var isOutrun = false

    init(service: String, seeds: [RedisAddress]) {
        self.service = service
        self.seeds = seeds
        sentinels = seeds
    }

    var isUnderWay: Bool { asked != nil }

    /// Begins a round. Not while one is under way.
    mutating func begin() -> Action {
        left = sentinels[...]
        problems = []
        unknown = 0
        stale = nil
        isOutrun = false
        return next()
    }

    /// Takes the answer of the one that was asked.
    mutating func receive(_ answer: SentinelAnswer) -> Action {
        guard let sentinel = asked else { return .failed(RedisError(.protocolViolation, "nobody was asked")) }
        switch answer {
        case .failed(let error): problems.append((sentinel, error))
        case .unknownService: unknown += 1
        case .primary(let primary, let epoch, let others):
            learn(others)
            guard let epoch, let known = self.epoch, epoch < known else {
                return isOutrun ? begin() : end(with: primary, epoch: epoch, by: sentinel)
            }
            if stale.map({ $0.epoch < epoch }) ?? true {
                stale = Stale(primary: primary, epoch: epoch, sentinel: sentinel)
            }
        }
        return next()
    }

    /// A Sentinel said by itself that there is a new primary. The others may not have heard of it yet, so it is the first to be asked.
    mutating func switched(to address: RedisAddress, by sentinel: RedisAddress) {
        primary = address
        isOutrun = isUnderWay
        ask(first: sentinel)
    }

    /// The primary that was named is none: another Sentinel may know better.
    mutating func distrust(_ address: RedisAddress) {
        guard address == primary, !isUnderWay, let first = sentinels.first else { return }
        sentinels.removeFirst()
        sentinels.append(first)
    }

    private mutating func next() -> Action {
        if let sentinel = left.popFirst() {
            asked = sentinel
            return .ask(sentinel, within: min(Self.mostPatience, Self.patience * (1 << min(failedRounds, 4))))
        }
        if isOutrun { return begin() }
        if let stale, problems.isEmpty, unknown == 0 {
            epoch = nil
            return end(with: stale.primary, epoch: stale.epoch, by: stale.sentinel)
        }
        asked = nil
        failedRounds += 1
        return .failed(failure)
    }

    private mutating func end(with address: RedisAddress, epoch: Int64?, by sentinel: RedisAddress) -> Action {
        asked = nil
        left = []
        failedRounds = 0
        primary = address
        if let epoch { self.epoch = epoch }
        ask(first: sentinel)
        return .found(address, by: sentinel)
    }

    private mutating func ask(first sentinel: RedisAddress) {
        sentinels.removeAll { $0 == sentinel }
        sentinels.insert(sentinel, at: 0)
    }

    /// Keeps the seeds, and what was said last of the others.
    private mutating func learn(_ others: [RedisAddress]) {
        guard !others.isEmpty else { return }
        let all = Set(seeds).union(others).union(asked.map { [$0] } ?? [])
        sentinels.removeAll { !all.contains($0) }
        for other in others where !sentinels.contains(other) { sentinels.append(other) }
    }

    private var failure: RedisError {
        let total = problems.count + unknown + (stale == nil ? 0 : 1)
        if problems.isEmpty, stale == nil, unknown > 0 {
            return RedisError(
                .unknownService, "the Sentinels know no service \"\(service)\": check its name in the Redis URL")
        }
        let shown = problems.prefix(3).map { "\($0.sentinel): \($0.error.message)" }
        let more = problems.count > 3 ? "; and \(problems.count - 3) more" : ""
        let old = stale.map { "; \($0.sentinel) knows only an older state" } ?? ""
        let isHopeless = problems.count == total && Set(problems.map(\.error.code)).count == 1
        let code: RedisError.Code =
            switch problems.first?.error.code {
            case .authentication? where isHopeless: .authentication
            case .tls? where isHopeless: .tls
            case .unsupported? where isHopeless: .unsupported
            default: .unreachable
            }
        return RedisError(
            code, "no Sentinel names the primary of \"\(service)\": \(shown.joined(separator: "; "))\(more)\(old)")
    }
}
