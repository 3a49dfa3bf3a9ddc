// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Logging
import ServiceLifecycle
import SpanQueue

/// A trickle of jobs for `spanq dev`: about two a second.
struct DemoJobs: Service {
    /// Their own, so that they are in nobody's way.
    static let queue = "demo"
    /// On each of them.
    static let tag = "trickle"

    let queue: JobQueue
    let queues: [String]
    let logger: Logger

    func run() async throws {
        await cancelWhenGracefulShutdown {
            var count = 0
            while !Task.isCancelled {
                await enqueue(count)
                count += 1
                do { try await Task.sleep(for: .milliseconds(Int.random(in: 200...800))) } catch { return }
            }
        }
    }

    private func enqueue(_ count: Int) async {
        let lane = EnqueueOption.queue(queues[count % queues.count])
        let payload = Array(#"{"number":\#(count)}"#.utf8)
        do {
            switch count % 12 {
            case 3: try await queue.enqueue(type: "demo:slow", payload: payload, lane, .tags([Self.tag]))
            case 5, 9:
                try await queue.enqueue(type: "demo:flaky", payload: payload, lane, .tags([Self.tag]), .maxRetries(5))
            case 7:
                try await queue.enqueue(
                    type: "demo:hello", payload: payload, lane, .tags([Self.tag]), .delay(.seconds(5)))
            case 11 where count % 36 == 11:
                try await queue.enqueue(type: "demo:poison", payload: payload, lane, .tags([Self.tag]))
            default: try await queue.enqueue(type: "demo:hello", payload: payload, lane, .tags([Self.tag]))
            }
        } catch {
            logger.debug("no demo job", metadata: ["error": "\(error)"])
        }
    }
}

/// Handlers for `spanq dev`, so that there is something to see: one that works, one that is slow and tells how far it is, one
/// that fails now and then, and one that never works.
enum DemoHandlers {
    static func register(with worker: Worker) throws(SpanQueueError) {
        try worker.handle("demo:hello") { _, context in
            try await Task.sleep(for: .milliseconds(Int.random(in: 2...40)))
            try context.setResult(["greeting": "hello"])
        }
        try worker.handle("demo:slow") { _, context in
            for step in 1...10 {
                try await Task.sleep(for: .milliseconds(300))
                await context.reportProgress(Double(step) / 10, "step \(step) of 10")
            }
        }
        try worker.handle("demo:flaky", retryPolicy: .exponential(base: .seconds(1), cap: .seconds(10))) {
            _, context in
            try await Task.sleep(for: .milliseconds(50))
            guard Int.random(in: 0..<3) > 0 else { throw DemoError("the coin fell on the wrong side") }
        }
        try worker.handle("demo:poison") { _, context in
            throw JobError.permanent("this one never works: see spanq dead list")
        }
    }
}

/// What goes wrong in the demo.
struct DemoError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}
