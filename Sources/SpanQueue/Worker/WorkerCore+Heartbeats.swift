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
            for queue in configuration.queues.queues {
                do {
                    try await extendLeases(in: queue)
                } catch {
                    failedRenewals.increment()
                    logger.warning(
                        "heartbeat failed", metadata: ["queue": "\(queue)", "error": "\(error)"])
                    // Sooner than at the next turn: a third of the lease is gone.
                    next = min(next, .now + min(interval, .milliseconds(500)))
                }
            }
        }
    }

    private func extendLeases(in queue: String) async throws {
        // What is known to be lost is not asked for again: it would be counted again, and its handler get another grace.
        let running = slots.values
            .filter { !$0.isAbandoned && $0.cause != .leaseLost && $0.context.queue == queue }
            .map(\.reference)
        let ending = unsettled.lazy.map(\.settlement.reference).filter { $0.queue == queue }
        guard !running.isEmpty || !ending.isEmpty else { return }
        let reply = try await engine.extend(running + ending, in: queue, by: configuration.lease)
        renewals.increment()
        guard !reply.lost.isEmpty || !reply.cancelRequested.isEmpty else { return }
        let asked = Set(running)
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
