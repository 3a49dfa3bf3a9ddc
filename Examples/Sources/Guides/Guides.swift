// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

// The Swift of docs/guides, word for word: what stands there compiles. Tools/docs/check-snippets compares.
import Logging
import ServiceLifecycle
import SpanQueue
import SpanQueueRedis

struct WelcomeEmail: Job {
    static let jobType = "email:welcome"
    var userID: Int
}

func producing(users: [Int]) async throws {
    let queue = try JobQueue(engine: .redis("redis://localhost:6379"))
    let receipt = try await queue.enqueue(WelcomeEmail(userID: 42), .queue("critical"), .delay(.seconds(5)))
    print(receipt.id)

    for result in try await queue.enqueue(users.map { WelcomeEmail(userID: $0) }, .queue("critical")) {
        if case .failure(let error) = result { print(error) }
    }

    try await queue.enqueue(WelcomeEmail(userID: 42), .id(JobID("welcome-42")))

    let sent: [String: Int] = try await queue.result(of: receipt, within: .seconds(10))
    print(sent)
    await queue.shutdown()
}

func middleware(_ configuration: inout JobQueueConfiguration) {
    configuration.middleware = [
        { requests, next in
            try await next(
                requests.map { request in
                    var request = request
                    request.options.append(.tags(["region:eu"]))
                    return request
                })
        }
    ]
}

func workers(queue: JobQueue, logger: Logger) async throws {
    let worker = try Worker(queue, WorkerConfiguration(concurrency: 20, queues: ["critical": 6, "default": 3]))
    try worker.handle(WelcomeEmail.self) { email, context in
        guard let address = try await address(of: email.userID) else {
            throw JobError.permanent("no user \(email.userID)")
        }
        try await send("Welcome!", to: address)
    }
    let services: [any Service] = [queue, worker]
    try await ServiceGroup(services: services, gracefulShutdownSignals: [.sigterm, .sigint], logger: logger).run()
}

func scheduled(queue: JobQueue) async throws {
    try await queue.enqueue(WelcomeEmail(userID: 42), .delay(.seconds(3600)))
}

func unique(queue: JobQueue) async throws {
    let first = try await queue.enqueue(WelcomeEmail(userID: 42), .uniqueUntilFinished())
    let second = try await queue.enqueue(WelcomeEmail(userID: 42), .uniqueUntilFinished())
    print(second.isDuplicate, second.id == first.id)  // true true
}

func retries(queue: JobQueue) async throws {
    try await queue.enqueue(WelcomeEmail(userID: 42), .maxRetries(3), .retryPolicy(.constant(.seconds(10))))
}

func snooze() throws {
    throw JobError.snooze(for: .seconds(60))
}

/// Stands for the application's own.
func address(of user: Int) async throws -> String? { "user-\(user)@example.org" }
/// Stands for the application's own.
func send(_ text: String, to address: String) async throws {}
