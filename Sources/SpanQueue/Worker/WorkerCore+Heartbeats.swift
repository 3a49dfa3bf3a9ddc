// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Logging
import SpanQueueLoop
import SpanQueueTelemetry

extension WorkerCore {
    /// Extends what the worker holds in some queues, in one call.
    func extend(_ indices: [Int], isShared: Bool) {
        var claims = [[ClaimReference]](repeating: [], count: lanes.count)
        // What is known to be lost is not asked for again: it would be counted again, and its handler get another grace.
        for slot in slots.values where !slot.isAbandoned && slot.cause != .leaseLost {
            claims[slot.lane].append(slot.reference)
        }
        let batches = indices.map { index in
            lanes[index].appendUnsettled(to: &claims[index])
            return LeaseBatch(queue: lanes[index].queue, claims: claims[index], lease: configuration.lease)
        }
        call { core in
            let results = await core.engine.extendEach(batches)
            guard core.life.phase != .stopped else { return }
            let now = ContinuousClock.now
            for (index, (batch, result)) in zip(indices, zip(batches, results)) {
                switch result {
                case .success(let reply):
                    core.life.extended(index, isShared: isShared, failed: false, at: now)
                    core.renewals.increment()
                    core.heed(reply, to: batch)
                case .failure(let error):
                    core.life.extended(index, isShared: isShared, failed: true, at: now)
                    core.failedRenewals.increment()
                    core.logger.warning(
                        "heartbeat failed", metadata: ["queue": "\(batch.queue)", "error": "\(error)"])
                }
            }
        }
    }

    private func heed(_ reply: ExtendReply, to batch: LeaseBatch) {
        guard !reply.lost.isEmpty || !reply.cancelRequested.isEmpty else { return }
        let asked = Set(batch.claims)
        for (number, slot) in slots where asked.contains(slot.reference) && !slot.isAbandoned {
            if reply.lost.contains(slot.reference.id) {
                guard slot.cause != .leaseLost else { continue }
                slot.context.logger.warning("lease lost: cancelling the handler")
                lanes[slot.lane].metrics.lost.increment()
                cancel(number, .leaseLost)
            } else if reply.cancelRequested.contains(slot.reference.id), slot.cause == nil {
                slot.context.logger.info("the job was cancelled: cancelling the handler")
                cancel(number, .cancelRequested)
            }
        }
    }
}
