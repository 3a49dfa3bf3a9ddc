// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import GRPCCore
import Logging
import SpanQueue
import SpanQueueLoop
import SpanQueueProto
import SpanQueueTelemetry

extension GatewayCore {
    private static let turn = Duration.milliseconds(250)
    private static let announceInterval = Duration.seconds(10)
    private static let tellInterval = Duration.seconds(10)
    /// How long a queue is looked after once nobody is served from it any more.
    private static let memory = Duration.seconds(60)
    /// How much later than its lease a claim is held to have lapsed.
    private static let lapseGrace = Duration.seconds(1)

    /// Looks after the queues that are served, as a worker does, and after claims whose clients are silent.
    func upkeepLoop() async {
        var toldAt = ContinuousClock.now
        while !isStopped {
            let now = ContinuousClock.now
            for name in Array(queues.keys) {
                if let served = queues[name], served.streams <= 0, served.usedAt + Self.memory < now {
                    queues[name] = nil
                    continue
                }
                if queues[name]?.upkeep.startsReclaim(at: now, isBlind: true) ?? false {
                    start { core in
                        let count = await core.attempts.reclaim(name, grace: StreamTerms.standardLease)
                        core.queues[name]?.upkeep.reclaimed(count, isBlind: true, at: .now)
                        if count > 0 { core.wakeOne(name) }
                    }
                }
                if queues[name]?.upkeep.startsSweep(at: now) ?? false {
                    start { core in
                        await core.attempts.sweep(name)
                        core.queues[name]?.upkeep.swept(isFinished: true, at: .now)
                    }
                }
            }
            letLapse(now)
            // Each of a thousand streams would be a hundred calls a second.
            let interval = Self.announceInterval * max(1, streams.count / 100)
            for stream in streams.values {
                if let at = stream.announcedAt, at + interval < now { start { await $0.announce(stream) } }
            }
            metrics.credits.set(streams.values.reduce(0) { $0 + $1.machine.credits })
            metrics.claims.set(held.count)
            if toldAt + Self.tellInterval < now {
                toldAt = now
                start { await $0.attempts.tell() }
            }
            do { try await thread.sleep(for: Self.turn) } catch { return }
        }
    }

    private func letLapse(_ now: ContinuousClock.Instant) {
        for (claim, known) in held where known.lapsesAt + Self.lapseGrace < now && !known.isSettling {
            forget(known)
            guard let stream = known.stream.flatMap({ streams[$0] }) else { continue }
            // It is counted where it is taken back.
            logger.warning(
                "a worker did not extend its lease",
                metadata: ["job_id": "\(claim.id)", "queue": "\(claim.queue)", "worker": "\(claim.worker)"])
            perform(stream.machine.cancel(claim, .leaseLost), stream)
        }
    }

    /// Makes a stream's worker known.
    func announce(_ stream: WorkStream) async {
        guard let terms = stream.terms, stream.end == nil else { return }
        stream.announcedAt = .now
        let busy = stream.machine.held.count
        do {
            let info = WorkerInfo(
                id: terms.worker, host: terms.client.isEmpty ? "grpc" : terms.client, pid: 0,
                queues: terms.selection.queues, concurrency: max(terms.concurrency, busy), busy: busy,
                startedAt: stream.startedAt, version: SpanQueueVersion.text, types: terms.types)
            let interval = Self.announceInterval * max(1, streams.count / 100)
            try await engine.announce(info, lifetime: interval * 3)
        } catch {
            logger.debug("can't make a worker known", metadata: ["error": "\(error)"])
        }
    }
}
