import Logging
import ServiceLifecycle
import SpanQueue
import SpanQueueRedis

struct WelcomeEmail: Job {
    static let jobType = "email:welcome"
    var userID: Int
}

let queue = try await JobQueue(engine: .redis("redis://localhost:6379"))
try await queue.enqueue(WelcomeEmail(userID: 42), .maxRetries(5), .timeout(.seconds(30)))

let worker = try Worker(queue, WorkerConfiguration(concurrency: 20))
try worker.handle(WelcomeEmail.self) { email, context in
    context.logger.info("welcome, user \(email.userID)")  // an error thrown here is tried again
}
let services: [any Service] = [queue, worker]
try await ServiceGroup(services: services, gracefulShutdownSignals: [.sigterm, .sigint], logger: Logger(label: "app"))
    .run()
