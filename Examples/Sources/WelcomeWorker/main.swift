// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import Logging
import ServiceLifecycle
import SpanQueue
import SpanQueueRedis

struct WelcomeEmail: Job {
    static let jobType = "email:welcome"
    var userID: Int
}

let url = ProcessInfo.processInfo.environment["SPANQ_REDIS_URL"] ?? "redis://localhost:6379"
let queue = try JobQueue(engine: .redis(url))
try await queue.enqueue(WelcomeEmail(userID: 42), .maxRetries(5), .timeout(.seconds(30)))

let worker = try Worker(queue, WorkerConfiguration(concurrency: 20))
try worker.handle(WelcomeEmail.self) { email, context in
    context.logger.info("welcome, user \(email.userID)")  // throw an error here, and the job is tried again
}
let services: [any Service] = [queue, worker]
let logger = Logger(label: "app")
try await ServiceGroup(services: services, gracefulShutdownSignals: [.sigterm, .sigint], logger: logger).run()
