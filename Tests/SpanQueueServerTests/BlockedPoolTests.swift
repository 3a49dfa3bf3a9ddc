// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import HTTPFixture
import SpanQueue
import SpanQueueServer
import SpanQueueTelemetry
import SpanQueueTesting
import Synchronization
import Testing

@Suite("While handlers block", .timeLimit(.minutes(1)))
struct BlockedPoolTests {
    @Test("every path is answered while all threads of the global pool are blocked")
    func blocked() async throws {
        let registry = MetricsRegistry()
        let queue = try JobQueue.testing()
        try queue.registerGauges(on: registry)
        let health = HealthChecks(
            live: [.fetching(queue, within: .zero) { .now }], ready: [.engine(queue), .engine(queue, name: "again")])
        try await ServerUnderTest.run(registry, health: health, queue: queue) { test async throws in
            let port = test.port
            // The first answers set up what is made once.
            #expect(try await test.request("/metrics")?.status == 200)
            let statuses = await Self.whileBlocked {
                ["/metrics", "/livez", "/readyz", "/stats"].map { Self.status(of: $0, port: port) }
            }
            #expect(statuses == [200, 200, 200, 200])
        }
    }

    /// Runs something on a thread of its own while blocked tasks have the whole pool.
    private static func whileBlocked<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async -> Value {
        let threads = ProcessInfo.processInfo.activeProcessorCount
        let blockade = Blockade()
        return await withCheckedContinuation { continuation in
            // Not from a task: it would be one of those that have no thread.
            Thread.detachNewThread {
                for _ in 0..<threads * 2 { Task { blockade.hold() } }
                while blockade.held.load(ordering: .relaxed) < threads { usleep(1_000) }
                let value = body()
                for _ in 0..<threads * 2 { blockade.release.signal() }
                continuation.resume(returning: value)
            }
        }
    }

    /// The status of an answer, read by this thread; 0 for none within five seconds.
    private static func status(of path: String, port: Int) -> Int {
        guard let client = try? RawClient(port: port, secondsToWait: 5) else { return 0 }
        client.send("GET \(path) HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        var bytes: [UInt8] = []
        while case let more = client.readNow(atMost: 65_536), !more.isEmpty { bytes += more }
        return Answer(bytes)?.status ?? 0
    }
}

/// Holds threads, as a handler does that calls a library that blocks.
///
/// `@unchecked Sendable`: an atomic, and a semaphore, which is for use from many threads.
private final class Blockade: @unchecked Sendable {
    let held = Atomic<Int>(0)
    let release = DispatchSemaphore(value: 0)

    /// The limit is for a server that never answers.
    func hold() {
        held.add(1, ordering: .relaxed)
        _ = release.wait(timeout: .now() + 30)
    }
}
