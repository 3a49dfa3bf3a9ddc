// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import Logging
import ServiceLifecycle
import SpanQueue
import SpanQueueRedis

/// Sends email from a queue, over SMTP.
///
/// At least once: a worker that dies between the server's "250" and its own report sends the message again. Both copies have
/// the job's id as their Message-ID, by which mail programs show them as one.
@main
enum EmailWorker {
    static let usage = """
        usage: EmailWorker work                       serve the queue "email" until SIGTERM or Ctrl-C
               EmailWorker enqueue TO SUBJECT TEXT    put one message on it
        environment: SPANQ_REDIS_URL (redis://localhost:6379), SMTP_URL (smtp://localhost:2525; may hold user:password),
                     MAIL_FROM (queue@example.org)

        """

    static func main() async throws {
        let arguments = Array(CommandLine.arguments.dropFirst())
        switch (arguments.first, arguments.count) {
        case ("work", 1): try await work()
        case ("enqueue", 4): try await enqueue(SendEmail(to: arguments[1], subject: arguments[2], text: arguments[3]))
        default:
            FileHandle.standardError.write(Data(usage.utf8))
            exit(2)
        }
    }

    static func setting(_ name: String, default standard: String) -> String {
        ProcessInfo.processInfo.environment[name] ?? standard
    }

    static func queue() throws -> JobQueue {
        try JobQueue(engine: .redis(setting("SPANQ_REDIS_URL", default: "redis://localhost:6379")))
    }

    static func enqueue(_ email: SendEmail) async throws {
        let queue = try queue()
        print(try await queue.enqueue(email, .queue("email")).id)
        await queue.shutdown()
    }

    static func work() async throws {
        let sender = SMTPSender(
            server: setting("SMTP_URL", default: "smtp://localhost:2525"),
            from: setting("MAIL_FROM", default: "queue@example.org"))
        let queue = try queue()
        let worker = try Worker(queue, WorkerConfiguration(concurrency: 4, queues: ["email": 1]))
        try worker.handle(SendEmail.self) { email, context in
            try await sender.send(email, id: context.id)
            context.logger.info("sent")
        }
        let services: [any Service] = [queue, worker]
        let logger = Logger(label: "email")
        try await ServiceGroup(services: services, gracefulShutdownSignals: [.sigterm, .sigint], logger: logger).run()
    }
}
