// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueue
import SpanQueueTesting

extension Call {
    /// What the call must do and answer, by the model.
    ///
    /// - Parameter nonce: the one in the real answer, which is the client's to draw.
    func apply(to world: inout World, at now: Timestamp, nonce: UInt32) throws -> Answer {
        switch self {
        case .enqueue(let jobs): .enqueued(jobs.map { world.enqueue($0, at: now) })
        case .claim(let request): .claimed(world.queue.claim(request, at: now, nonce: nonce))
        case .extend(let claims, let lease): .extended(world.queue.extend(claims, by: lease, at: now))
        case .settle(let settlements): .settled(world.queue.settle(settlements, at: now))
        case .report(let job, let progress): .reported(world.queue.report(progress, on: job))
        case .reclaim(let request): .reclaimed(world.queue.reclaim(request, at: now))
        case .sweep: .swept(world.sweep(at: now))
        case .passWakeUp: .nothing
        // A queue begins with its first job.
        case .pause: nothing { world.queue.isPaused = world.queue.totals.enqueued > 0 }
        case .resume: nothing { world.queue.isPaused = false }
        case .perform(let action, let id): .acted(act(&world) { $0.perform(action, on: id, at: now) })
        case .performEach(let action, let ids, let state):
            .actedOnEach(actOnEach(action, ids, if: state, &world, at: now))
        case .performAll(let request): .actedOnMany(try world.queue.performAll(request, at: now))
        case .counts: .counted([world.queue.counts(at: now)])
        case .list(let request):
            .listed(world.queue[request.state].members.compactMap { world.queue.record(of: $0.id) })
        case .find(let id): .found(world.queue.record(of: id))
        case .search(let request): .listed(search(request, &world))
        }
    }

    /// A job that stands deep in the list of ready jobs is moved into the set with those before it, to be taken out.
    private func act(_ world: inout World, _ body: (inout MemoryQueue) -> ActionOutcome) -> ActionOutcome {
        world.mayBeLifted = true
        return body(&world.queue)
    }

    private func actOnEach(
        _ action: JobAction, _ ids: [JobID], if state: JobState, _ world: inout World, at now: Timestamp
    ) -> [ActionOutcome] {
        let order = action == .redrive && state == .dead ? world.queue.inOrderOfRedriving(ids) : ids
        var outcomes: [JobID: ActionOutcome] = [:]
        for id in order {
            outcomes[id] = act(&world) { $0.perform(action, on: id, if: state, at: now) }
        }
        return ids.map { outcomes[$0] ?? .notFound }
    }

    private func search(_ request: SearchRequest, _ world: inout World) -> [JobRecord] {
        if request.isForAction { world.mayBeLifted = true }
        let members = world.queue[request.state].members
        let ordered = request.newestFirst ? members.reversed() : members
        return ordered.compactMap { world.queue.record(of: $0.id) }.filter(request.query.matches)
    }

    private func nothing(_ body: () -> Void) -> Answer {
        body()
        return .nothing
    }
}
