// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import CSpanQueueSpawn
import Foundation
import Logging
import ServiceLifecycle
import SpanQueue
import Synchronization
import UnixSignals

/// Runs a worker, and services beside it, until a signal: the first drains, the second cuts the drain short.
struct WorkerProcess {
    let worker: Worker
    let logger: Logger
    /// Run beside the worker, and stopped after it.
    var companions: [any Service] = []
    /// Run beside the worker, and stopped before it: they give it work.
    var feeders: [any Service] = []

    private enum Ended { case services, signals }

    /// - Parameter announce: called when a signal would stop it in good order: others may be told of it from then on.
    func run(once: Bool, announce: () throws -> Void = {}) async throws -> RunSummary? {
        let service = WorkerService(worker: worker, once: once)
        // The queue is not one of the services: a cancelled group would close it while the worker still gives jobs back.
        let services = (companions + [service] + feeders).map {
            ServiceGroupConfiguration.ServiceConfiguration(
                service: $0, successTerminationBehavior: .gracefullyShutdownGroup)
        }
        var quiet = logger
        quiet.logLevel = max(.warning, logger.logLevel)
        let group = ServiceGroup(configuration: ServiceGroupConfiguration(services: services, logger: quiet))
        let signals = await UnixSignalsSequence(trapping: StopSignals.all)
        try announce()
        let logger = logger
        try await withThrowingTaskGroup(of: Ended.self) { tasks in
            tasks.addTask {
                try await group.run()
                return .services
            }
            tasks.addTask {
                var count = 0
                for await signal in signals {
                    // A terminal that closes may send several of them.
                    if signal == .sighup, count > 0 { continue }
                    count += 1
                    logger.notice("\(signal): \(count == 1 ? "stopping" : "stopping at once")")
                    guard count == 1 else { break }
                    await group.triggerGracefulShutdown()
                }
                return .signals
            }
            defer { tasks.cancelAll() }
            // When the second signal comes first, cancelling the group gives the running jobs back.
            if try await tasks.next() == .signals {
                tasks.cancelAll()
                do {
                    while try await tasks.next() != nil {}
                } catch is CancellationError {}
            }
        }
        return service.summary
    }
}

/// A worker as a service that remembers what it did.
private final class WorkerService: Service, Sendable {
    private let worker: Worker
    private let once: Bool
    private let result = Mutex<RunSummary?>(nil)

    var summary: RunSummary? { result.withLock { $0 } }

    init(worker: Worker, once: Bool) {
        self.worker = worker
        self.once = once
    }

    func run() async throws {
        guard once else { return try await worker.run() }
        let summary = try await worker.runUntilEmpty()
        result.withLock { $0 = summary }
    }
}

/// The signals that end what stays, in good order.
enum StopSignals {
    /// SIGTERM, SIGINT, and SIGHUP, which a closed terminal sends, unless it is ignored, as `nohup` has it.
    static var all: [UnixSignal] {
        spanqueue_signal_is_ignored(SIGHUP) != 0 ? [.sigterm, .sigint] : [.sigterm, .sigint, .sighup]
    }
}
