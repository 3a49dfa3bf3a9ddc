// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import Logging
import ServiceLifecycle
import SpanQueue
package import SpanQueuePostgres
package import SpanQueueRedis
import UnixSignals

/// A worker in a process of its own.
package enum WorkerRole {
    /// Records are kept until the scenario is over: its checker reads all of them.
    package static var keepsAll: RedisEngineOptions {
        var options = RedisEngineOptions()
        options.retentionCount = 10_000_000
        // Also where Redis' clock is set an hour ahead.
        options.retention = .hours(24)
        let environment = ProcessInfo.processInfo.environment
        options.tls = RedisTLS(
            authorities: environment["SPANQ_FAULT_TLS_CA"], certificate: environment["SPANQ_FAULT_TLS_CERT"],
            key: environment["SPANQ_FAULT_TLS_KEY"])
        return options
    }

    /// The same on Postgres. With `SPANQ_FAULT_DURABLE_ENDS=1` the ends of attempts wait for the disk, so that a crash of the server
    /// forgets none.
    package static var keepsAllInPostgres: PostgresEngineOptions {
        var options = PostgresEngineOptions()
        options.retentionCount = 10_000_000
        options.retention = .hours(24)
        options.settlesDurably = ProcessInfo.processInfo.environment["SPANQ_FAULT_DURABLE_ENDS"] == "1"
        return options
    }

    /// - Parameter arguments: the engine's URL, the history's path, concurrency, lease in ms, drain timeout in ms.
    package static func run(_ arguments: [String]) async throws {
        guard arguments.count == 5, let concurrency = Int(arguments[2]), let lease = Int(arguments[3]),
            let drain = Int(arguments[4])
        else { throw Unmet("usage: worker URL FILE CONCURRENCY LEASE_MS DRAIN_MS") }
        let history = try HistoryFile(arguments[1])
        let source = EngineSource { environment in
            recorded(try EngineOn.source(arguments[0]).make(environment), history)
        }
        let queue = try JobQueue(engine: source)
        var configuration = WorkerConfiguration(concurrency: concurrency, lease: .milliseconds(lease))
        configuration.drainTimeout = .milliseconds(drain)
        configuration.cancellationGrace = .milliseconds(500)
        configuration.retryPolicy = .constant(.milliseconds(20))
        let worker = try Worker(queue, configuration)
        try worker.handle(FaultJob.self) { job, context in try await job.run(context, history, queue, at: arguments[0])
        }
        let group = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: [
                    .init(service: queue, successTerminationBehavior: .gracefullyShutdownGroup),
                    .init(service: worker, successTerminationBehavior: .gracefullyShutdownGroup),
                ],
                gracefulShutdownSignals: [.sigterm], cancellationSignals: [.sigint],
                logger: Logger(label: "faults")))
        do {
            try await group.run()
        } catch is CancellationError {
            // A group that was cancelled: the jobs were released.
        }
    }
}
