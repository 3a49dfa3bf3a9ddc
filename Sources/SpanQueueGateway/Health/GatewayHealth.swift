// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import ServiceLifecycle
package import SpanQueue
import Synchronization

/// Keeps an eye on the engine, and tells those who watch. In a group of services it stands behind the gateway, so that it hears of a
/// shutdown before it: load balancers then have sent new calls elsewhere by the time that they would be refused.
package final class GatewayHealth: Service, Sendable {
    private struct State {
        var health: HealthState
        var watchers: [Int: AsyncStream<Bool>.Continuation] = [:]
        var next = 0
    }

    /// How often the engine is asked: by the whole process, however many watch.
    private static let interval = Duration.seconds(1)
    private let ask: @Sendable () async throws -> Void
    private let state: Mutex<State>

    /// - Parameter ask: asks the engine something cheap, and throws where there is no answer.
    package init(_ ask: @escaping @Sendable () async throws -> Void) {
        self.ask = ask
        state = Mutex(State(health: HealthState(at: .now)))
    }

    package convenience init(_ queue: JobQueue) {
        self.init { _ = try await queue.engine.now() }
    }

    package var isServing: Bool { state.withLock { $0.health.isServing } }

    /// Looks after it until it is cancelled, or the process is told to end.
    package func run() async throws {
        await withGracefulShutdownHandler {
            await withTaskGroup(of: Void.self) { group in
                // An answer that does not come keeps the next question waiting, and not the verdict.
                group.addTask {
                    while !Task.isCancelled {
                        if (try? await self.ask()) != nil { self.change { $0.answered(at: .now) } }
                        try? await Task.sleep(for: Self.interval)
                    }
                }
                group.addTask {
                    while !Task.isCancelled, !Task.isShuttingDownGracefully {
                        try? await Task.sleep(for: Self.interval / 4)
                        self.change { _ in }
                    }
                }
                _ = await group.next()
                group.cancelAll()
            }
        } onGracefulShutdown: {
            self.drain()
        }
    }

    /// Serves no more, for good.
    package func drain() { change { $0.drain() } }

    /// Changes something, and tells the watchers where that makes a difference.
    func change(at now: ContinuousClock.Instant = .now, _ body: (inout HealthState) -> Void) {
        state.withLock { state in
            body(&state.health)
            guard state.health.look(at: now) else { return }
            for watcher in state.watchers.values { watcher.yield(state.health.isServing) }
        }
    }

    /// Whether it serves, now and whenever that changes. A slow reader is told the latest.
    func watch() -> AsyncStream<Bool> {
        let (stream, continuation) = AsyncStream.makeStream(of: Bool.self, bufferingPolicy: .bufferingNewest(1))
        let number = state.withLock { state in
            state.next += 1
            state.watchers[state.next] = continuation
            continuation.yield(state.health.isServing)
            return state.next
        }
        continuation.onTermination = { [weak self] _ in self?.forget(number) }
        return stream
    }

    private func forget(_ number: Int) {
        _ = state.withLock { $0.watchers.removeValue(forKey: number) }
    }

    var watching: Int { state.withLock { $0.watchers.count } }
}
