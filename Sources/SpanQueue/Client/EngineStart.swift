// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

package import Logging
import SpanQueueTelemetry
import Synchronization

/// Makes and starts a queue's engine when it is first used. Uses that come together share one start; one that fails leaves nothing, and
/// the next use tries again.
final class EngineStart: Sendable {
    private final class Started: Sendable {
        let engine: any Engine

        init(_ engine: any Engine) {
            self.engine = engine
        }
    }

    private typealias Waiter = CheckedContinuation<any Engine, any Error>

    private struct State: Sendable {
        /// The engine that is being started.
        var starting: (any Engine)?
        var waiters: [Int: Waiter] = [:]
        /// Callers that were cancelled before they waited.
        var left: Set<Int> = []
        var lastWaiter = 0
        var isClosed = false
    }

    private let make: @Sendable () throws -> any Engine
    private let state = Mutex(State())
    /// Read by every call, so without a lock.
    private let started = AtomicLazyReference<Started>()

    init(_ make: @escaping @Sendable () throws -> any Engine) {
        self.make = make
    }

    /// The engine, once it has started.
    ///
    /// - Parameter deadline: the call has ended by then; an engine has a limit of its own for its start.
    /// - Throws: what the start throws; `.timeout` at the deadline; `.closed` after `shutdown()`.
    func engine(until deadline: ContinuousClock.Instant? = nil) async throws -> any Engine {
        if let started = started.load() { return started.engine }
        guard let deadline else { return try await wait() }
        return try await withThrowingTaskGroup(of: (any Engine).self) { group in
            group.addTask { try await self.wait() }
            group.addTask {
                try await Task.sleep(until: deadline)
                throw SpanQueueError(.timeout, "the engine did not start in time")
            }
            defer { group.cancelAll() }
            for try await engine in group { return engine }
            throw CancellationError()
        }
    }

    /// Shuts the engine down, also one that is only starting. There is no other start afterwards.
    func shutdown() async {
        let engine = state.withLock { state in
            state.isClosed = true
            return state.starting
        }
        await (engine ?? started.load()?.engine)?.shutdown()
    }

    private static var closed: SpanQueueError { SpanQueueError(.closed, "the queue was shut down") }

    private func wait() async throws -> any Engine {
        let number = state.withLock { state in
            state.lastWaiter += 1
            return state.lastWaiter
        }
        defer { state.withLock { _ = $0.left.remove(number) } }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { join(number, $0) }
        } onCancel: {
            leave(number)
        }
    }

    private func join(_ number: Int, _ waiter: Waiter) {
        let answer: Result<any Engine, any Error>? = state.withLock { state in
            if let started = started.load() { return .success(started.engine) }
            if state.left.remove(number) != nil { return .failure(CancellationError()) }
            if state.isClosed { return .failure(Self.closed) }
            if state.starting == nil {
                do {
                    begin(try make(), &state)
                } catch {
                    return .failure(error)
                }
            }
            state.waiters[number] = waiter
            return nil
        }
        if let answer { waiter.resume(with: answer) }
    }

    /// A caller's cancellation ends its wait and nothing else.
    private func leave(_ number: Int) {
        let waiter = state.withLock { state in
            let waiter = state.waiters.removeValue(forKey: number)
            if waiter == nil { state.left.insert(number) }
            return waiter
        }
        waiter?.resume(throwing: CancellationError())
    }

    private func begin(_ engine: any Engine, _ state: inout State) {
        state.starting = engine
        // Not a child of the caller that came first: others wait for it, too.
        Task.detached {
            var failure: (any Error)?
            do { try await engine.start() } catch { failure = error }
            if failure != nil || self.state.withLock({ $0.isClosed }) { await engine.shutdown() }
            self.end(engine, failure)
        }
    }

    private func end(_ engine: any Engine, _ failure: (any Error)?) {
        let (waiters, answer) = state.withLock { state -> ([Waiter], Result<any Engine, any Error>) in
            state.starting = nil
            defer { state.waiters = [:] }
            let waiters = Array(state.waiters.values)
            if state.isClosed { return (waiters, .failure(Self.closed)) }
            if let failure { return (waiters, .failure(failure)) }
            return (waiters, .success(started.storeIfNil(Started(engine)).engine))
        }
        for waiter in waiters { waiter.resume(with: answer) }
    }
}

/// How `JobQueue` gets its engine: `.redis("redis://localhost:6379")`, `.inMemory()`.
public struct EngineSource: Sendable {
    /// Finds what is wrong with the settings, without any connection.
    package let check: @Sendable () throws(SpanQueueError) -> Void
    /// Makes the engine; it is not started yet.
    package let make: @Sendable (EngineEnvironment) throws -> any Engine

    /// Wraps a way to make an engine.
    package init(
        check: @escaping @Sendable () throws(SpanQueueError) -> Void = {},
        _ make: @escaping @Sendable (EngineEnvironment) throws -> any Engine
    ) {
        self.check = check
        self.make = make
    }
}

/// What an engine gets when it is made.
package struct EngineEnvironment: Sendable {
    /// Where it logs.
    package var logger: Logger
    private let telemetry: JobTelemetry?

    /// An environment with a logger alone.
    package init(logger: Logger) {
        self.logger = logger
        telemetry = nil
    }

    package init(logger: Logger, telemetry: JobTelemetry) {
        self.logger = logger
        self.telemetry = telemetry
    }

    /// Where an engine records its round trips; nil where nobody asks for them.
    ///
    /// - Parameter engine: the label `engine`: `redis`, `postgres`. An engine that makes no round trips does not ask.
    package func metrics(of engine: String) -> EngineMetrics? {
        telemetry.map { EngineMetrics($0.metrics, engine: engine) }
    }
}

/// How many workers use a queue, so that the queue is not closed under them.
final class RunningWorkers: Sendable {
    private let count = Mutex(0)

    func begin() {
        count.withLock { $0 += 1 }
    }

    func end() {
        count.withLock { $0 -= 1 }
    }

    /// Looks every few milliseconds: this happens once, at the end of a process.
    func waitUntilNone(within limit: Duration) async {
        let deadline = ContinuousClock.now + limit
        while count.withLock({ $0 }) > 0, ContinuousClock.now < deadline {
            try? await Task.sleep(for: .milliseconds(5))
        }
    }
}
