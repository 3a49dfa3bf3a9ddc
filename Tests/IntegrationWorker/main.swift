// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import Logging
import ServiceLifecycle
import SpanQueue
import SpanQueueRedis
import UnixSignals

// A worker process for the tests that kill, stop and drain real processes. It writes what its handlers begin and end to a
// history file, one line each, in one write: `began <id> <attempt> <token> <pid> <ms>`.
//
// usage: IntegrationWorker <redis url> <history file> <concurrency> <lease in ms> <drain timeout in ms>

struct Step: Job {
    static let jobType = "test:step"
    /// How long the handler runs.
    var milliseconds = 0
    /// How many attempts fail before one succeeds.
    var failures = 0
    /// Whether the handler blocks its thread instead of suspending.
    var blocks = false
    /// Whether the handler kills its own process.
    var dies = false
}

let arguments = CommandLine.arguments
guard arguments.count == 6, let concurrency = Int(arguments[3]), let lease = Int(arguments[4]),
    let drain = Int(arguments[5])
else {
    FileHandle.standardError.write(Data("usage: IntegrationWorker URL FILE CONCURRENCY LEASE_MS DRAIN_MS\n".utf8))
    exit(2)
}
let history = open(arguments[2], O_WRONLY | O_APPEND | O_CREAT, 0o600)

@Sendable func note(_ what: String, _ context: JobContext) {
    let now = Int(Date().timeIntervalSince1970 * 1000)
    let line = "\(what) \(context.id) \(context.attempt) \(context.token) \(getpid()) \(now)\n"
    _ = line.utf8CString.withUnsafeBufferPointer { write(history, $0.baseAddress, $0.count - 1) }
}

LoggingSystem.bootstrap { StreamLogHandler.standardError(label: $0) }
let queue = try JobQueue(engine: .redis(arguments[1]))
var configuration = WorkerConfiguration(concurrency: concurrency, lease: .milliseconds(lease))
configuration.drainTimeout = .milliseconds(drain)
configuration.cancellationGrace = .milliseconds(500)
configuration.retryPolicy = .constant(.milliseconds(20))
let worker = try Worker(queue, configuration)
try worker.handle(Step.self) { step, context in
    note("began", context)
    if step.dies { kill(getpid(), SIGKILL) }
    do {
        if step.blocks {
            usleep(UInt32(step.milliseconds) * 1000)
        } else if step.milliseconds > 0 {
            try await Task.sleep(for: .milliseconds(step.milliseconds))
        }
    } catch {
        note("cancelled", context)
        throw error
    }
    if context.attempt <= step.failures {
        note("failed", context)
        throw JobError.retry(after: .milliseconds(20), "failing as asked")
    }
    note("ended", context)
}
let group = ServiceGroup(
    configuration: ServiceGroupConfiguration(
        services: [
            .init(service: queue, successTerminationBehavior: .gracefullyShutdownGroup),
            .init(service: worker, successTerminationBehavior: .gracefullyShutdownGroup),
        ],
        gracefulShutdownSignals: [.sigterm], logger: Logger(label: "integration")))
try await group.run()
