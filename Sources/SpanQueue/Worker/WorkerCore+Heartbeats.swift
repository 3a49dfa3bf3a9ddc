import Logging
import SpanQueueLoop
import SpanQueueTelemetry

extension WorkerCore {
    /// Extends all leases every third of the lease, from its own thread, until the worker has nothing left.
    func heartbeatLoop() async {
        let interval = configuration.lease / 3
        var next = ContinuousClock.now + interval
        while phase != .stopped {
            do {
                try await thread.sleep(until: next)
            } catch {
                return
            }
            next = .now + interval
            let batches = configuration.queues.queues.compactMap(leases(of:))
            guard !batches.isEmpty, let results = try? await engine.extend(batches) else { continue }
            for (batch, result) in zip(batches, results) {
                switch result {
                case .success(let reply): extended(batch, reply)
                case .failure(let error):
                    failedRenewals.increment()
                    logger.warning(
                        "heartbeat failed", metadata: ["queue": "\(batch.queue)", "error": "\(error)"])
                    // Sooner than at the next turn: a third of the lease is gone.
                    next = min(next, .now + min(interval, .milliseconds(500)))
                }
            }
        }
    }

    private func leases(of queue: String) -> LeaseBatch? {
        // What is known to be lost is not asked for again: it would be counted again, and its handler get another grace.
        let running = slots.values
            .filter { !$0.isAbandoned && $0.cause != .leaseLost && $0.context.queue == queue }
            .map(\.reference)
        let ending = unsettled.lazy.map(\.settlement.reference).filter { $0.queue == queue }
        guard !running.isEmpty || !ending.isEmpty else { return nil }
        return LeaseBatch(queue: queue, claims: running + ending, lease: configuration.lease)
    }

    private func extended(_ batch: LeaseBatch, _ reply: ExtendReply) {
        let queue = batch.queue
        renewals.increment()
        guard !reply.lost.isEmpty || !reply.cancelRequested.isEmpty else { return }
        let asked = Set(batch.claims)
        for (number, slot) in slots where asked.contains(slot.reference) && !slot.isAbandoned {
            if reply.lost.contains(slot.reference.id) {
                slot.context.logger.warning("lease lost: cancelling the handler")
                queueMetrics[queue]?.lost.increment()
                cancel(number, .leaseLost)
            } else if reply.cancelRequested.contains(slot.reference.id), slot.cause == nil {
                slot.context.logger.info("the job was called off: cancelling the handler")
                cancel(number, .cancelRequested)
            }
        }
    }
}
