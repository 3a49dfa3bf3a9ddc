// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueue

extension Driver {
    /// After the faults: everything comes to an end within a bounded number of calls, and nothing but the totals is left.
    mutating func finish() async throws {
        // What is due by the time that there once was waits for that time.
        if latest > now { try await advance(by: latest - now) }
        _ = try await execute(.resume)
        // A job is reclaimed a few times and then is dead; each round ends what it claims.
        for _ in 0...Self.maxReclaims where !isOver { try await drain() }
        try require(isOver, "jobs are left: \(world.states.values.map(\.rawValue).sorted())")
        try await advance(by: .minutes(3))
        for _ in 0..<20 where try await execute(.sweep) != .swept(0) {}
        try require(store.leftovers.isEmpty, "\(store.leftovers) are left in a drained queue")
    }

    private var isOver: Bool { world.states.values.allSatisfy(\.isTerminal) }

    private mutating func drain() async throws {
        // Past every delay, lease and lock.
        try await advance(by: .minutes(3))
        _ = try await execute(.reclaim(ReclaimRequest(queue: Stage.queue, maxReclaims: Self.maxReclaims)))
        let request = ClaimRequest(queue: Stage.queue, limit: 128, lease: .seconds(30), worker: "worker-0")
        guard case .claimed(let reply) = try await execute(.claim(request)), !reply.jobs.isEmpty else { return }
        let ends = reply.jobs.map { HeldJob($0).settlement(.complete) }
        let answer = try await execute(.settle(ends.inOrderOfSending(to: Ground.storage)))
        try same("the settlements of the end", answer, .settled(ends.map { _ in .settled }))
    }
}
