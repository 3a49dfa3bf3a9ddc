// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import Logging
import ServiceLifecycle
import SpanQueue
import SpanQueueRedis
import SpanQueueServer
import SpanQueueTelemetry
import UnixSignals

// A worker process for the test that adds up the counters of all processes. It serves /metrics on a free port, which it
// prints, and when it has stopped it prints the page as it was at the end.
//
// usage: TelemetryWorker <redis url>

struct Failing: Error {}

@Sendable func write(_ text: String) {
    FileHandle.standardOutput.write(Data((text + "\n").utf8))
}

LoggingSystem.bootstrap { label in
    var handler = StreamLogHandler.standardError(label: label)
    handler.logLevel = .warning
    return handler
}
let telemetry = JobTelemetry(messagingMetrics: true)
var options = RedisEngineOptions()
options.retentionCount = 20_000
let queue = try JobQueue(engine: .redis(CommandLine.arguments[1], options), telemetry: telemetry)
var configuration = WorkerConfiguration(concurrency: 32, lease: .seconds(10))
configuration.retryPolicy = .constant(.milliseconds(20))
let worker = try Worker(queue, configuration)
try worker.handle(Count.self) { count, context in
    switch count.way {
    case .permanent: throw JobError.permanent("as asked")
    case .hold: try await Task.sleep(for: .seconds(600))
    case .work: if context.attempt <= count.failures { throw Failing() }
    }
}
try worker.handle(Spread.self) { spread, _ in
    let jobs = (0..<spread.jobs).map { Count(failures: $0 % 10 == 0 ? 1 : 0) }
    _ = try await queue.enqueue(jobs, .maxRetries(5))
}
let server = MetricsServer(address: .tcp(host: "127.0.0.1", port: 0), registry: telemetry.registry)
try server.start()
write("port=\(server.port ?? 0)")
let group = ServiceGroup(
    configuration: ServiceGroupConfiguration(
        services: [
            .init(service: server, successTerminationBehavior: .gracefullyShutdownGroup),
            .init(service: queue, successTerminationBehavior: .gracefullyShutdownGroup),
            .init(service: worker, successTerminationBehavior: .gracefullyShutdownGroup),
        ],
        gracefulShutdownSignals: [.sigterm], logger: Logger(label: "test")))
try await group.run()
write(String(decoding: await telemetry.registry.page().bytes, as: UTF8.self))
