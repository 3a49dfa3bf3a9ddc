// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

internal import NIOCore
internal import NIOPosix
public import SpanQueue
internal import SpanQueueLoop
internal import SpanQueueTelemetry
internal import Synchronization

/// One thing that must be so for a process to be alive, or ready.
public struct HealthCheck: Sendable {
    /// What it is about, in a word: `worker`, `engine`.
    public var name: String
    /// How long a request waits for it; one that is not done by then has failed.
    public var deadline: Duration
    /// Whether it counts while the process drains; true unless set.
    public var countsWhileDraining = true
    /// Returns nil when all is well, else why not, in one line.
    public var check: @Sendable () async throws -> String?

    /// Makes a check of a closure that returns nil when all is well, and else throws or returns why not. It is never run
    /// twice at a time, and cancelled when it is late; while it heeds neither, it has failed. It runs on the server's thread,
    /// so that handlers can't keep it from answering: it must not block.
    public init(_ name: String, deadline: Duration = .seconds(1), check: @escaping @Sendable () async throws -> String?)
    {
        self.name = name
        self.deadline = deadline
        self.check = check
    }

    /// Fails when something has not happened for longer than `limit`, counted from now until it happens first.
    ///
    /// - Parameter last: when it happened last; nil while it has not.
    public static func recent(
        _ name: String, within limit: Duration, _ what: String,
        last: @escaping @Sendable () -> ContinuousClock.Instant?
    ) -> HealthCheck {
        let start = ContinuousClock.now
        return HealthCheck(name) {
            let age = ContinuousClock.now - max(last() ?? start, start)
            guard age > limit else { return nil }
            return "\(what) for \(age.components.seconds) s, more than \(DurationText.format(limit))"
        }
    }

    /// Fails when no claim of a worker has been answered for longer than `limit` although the engine answers: the worker is
    /// stuck, and a restart fixes that. Time in which the engine is down does not count, nor does a drain, which claims nothing.
    ///
    /// A worker whose slots are all taken claims nothing either; there the answers to its reclaims count.
    /// - Parameter last: when the last answer came, nil for never; `queue.telemetry.lastContact` unless given.
    public static func fetching(
        _ queue: JobQueue, within limit: Duration = .seconds(60), name: String = "worker",
        last: (@Sendable () -> ContinuousClock.Instant?)? = nil
    ) -> HealthCheck {
        let watch = FetchWatch(queue, limit, last ?? { [telemetry = queue.telemetry] in telemetry.lastContact })
        var check = HealthCheck(name) { await watch.problem() }
        check.countsWhileDraining = false
        return check
    }

    /// Fails unless the engine tells the time within `deadline`, the cheapest question there is.
    public static func engine(
        _ queue: JobQueue, name: String = "engine", deadline: Duration = .seconds(1)
    ) -> HealthCheck {
        HealthCheck(name, deadline: deadline) {
            _ = try await queue.engine.now()
            return nil
        }
    }

    /// Fails while a queue that workers of this process are to serve uses features that this version does not know: the worker serves
    /// the others, and a later version is needed for this one.
    public static func features(_ queue: JobQueue, name: String = "queues") -> HealthCheck {
        HealthCheck(name) { [telemetry = queue.telemetry] in
            let names = telemetry.unsupportedQueues
            guard let first = names.first else { return nil }
            let others = names.count > 1 ? " and \(names.count - 1) more" : ""
            return "\(first)\(others) can't be served by this version of SpanQueue: upgrade it"
        }
    }
}

/// What /livez and /readyz ask.
package struct HealthChecks: Sendable {
    /// Asked by /livez. A process that fails here is to be restarted, so nothing belongs here that a restart can't fix; an
    /// engine that is down does not.
    package var live: [HealthCheck]
    /// Asked by /readyz, with whether the process is draining.
    package var ready: [HealthCheck]

    /// Makes the lists.
    package init(live: [HealthCheck] = [], ready: [HealthCheck] = []) {
        self.live = live
        self.ready = ready
    }
}

/// Some checks, asked together.
struct HealthProbe: Sendable {
    private let checks: [(about: HealthCheck, run: SharedRun<String?>)]

    init(_ checks: [HealthCheck], on thread: LoopThread) {
        self.checks = checks.map { check in
            (check, SharedRun(deadline: check.deadline, on: thread, check.check))
        }
    }

    /// What is wrong, in one line; nil when nothing is.
    func problem(isDraining: Bool = false) async -> String? {
        let checks = checks.filter { !isDraining || $0.about.countsWhileDraining }
        let problems = await withTaskGroup(of: (Int, String?).self) { group in
            for (index, check) in checks.enumerated() {
                group.addTask { (index, Self.problem(check.about.name, await check.run.value())) }
            }
            return await group.reduce(into: [(Int, String)]()) { found, result in
                if let problem = result.1 { found.append((result.0, problem)) }
            }
        }
        guard !problems.isEmpty else { return nil }
        return problems.sorted { $0.0 < $1.0 }.map(\.1).joined(separator: "; ")
    }

    private static func problem(_ name: String, _ outcome: SharedRun<String?>.Outcome) -> String? {
        let problem: String
        switch outcome {
        case .success(nil): return nil
        case .success(let text?): problem = text
        case .failure(let error): problem = "\(error)"
        case .late: problem = "no answer in time"
        }
        // An error's text may have lines; the answer has one.
        return "\(name): \(problem.split(whereSeparator: \.isNewline).joined(separator: " ").prefix(300))"
    }
}

/// Tells a worker that is cut off from one whose engine is down.
///
/// It measures how long the worker has had no answer, and leaves out the time in which the engine did not answer us either: a
/// restart fixes the first and not the second.
final class FetchWatch: Sendable {
    /// How long the engine may take. A probe is answered within a second, whatever the engine does.
    private static let patience = TimeAmount.milliseconds(500)

    private let queue: JobQueue
    private let limit: Duration
    private let last: @Sendable () -> ContinuousClock.Instant?
    /// Until when nothing is held against the worker: its start, or the last look at which the engine was down.
    private let excused = Mutex(ContinuousClock.now)

    init(_ queue: JobQueue, _ limit: Duration, _ last: @escaping @Sendable () -> ContinuousClock.Instant?) {
        self.queue = queue
        self.limit = limit
        self.last = last
    }

    /// What is wrong; nil for nothing.
    func problem() async -> String? {
        let excused = excused.withLock { $0 }
        let age = ContinuousClock.now - max(last() ?? excused, excused)
        guard age > limit else { return nil }
        guard await engineAnswers() else {
            self.excused.withLock { $0 = .now }
            return nil
        }
        return "no claim was answered for \(age.components.seconds) s, more than \(DurationText.format(limit))"
    }

    /// The timer is an event loop's: the wake-up of `Task.sleep` needs a thread of the pool, which handlers may block.
    private func engineAnswers() async -> Bool {
        let timer = MultiThreadedEventLoopGroup.singleton.any().scheduleTask(in: Self.patience) {}
        return await withTaskGroup(of: Bool.self) { group in
            group.addTask { [queue] in (try? await queue.engine.now()) != nil }
            group.addTask {
                try? await timer.futureResult.get()
                return false
            }
            defer {
                timer.cancel()
                group.cancelAll()
            }
            return await group.next() ?? false
        }
    }
}
