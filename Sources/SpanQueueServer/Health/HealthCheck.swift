public import SpanQueue

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
    /// stuck, and a restart mends that. Time in which the engine is away does not count, nor does a drain, which claims nothing.
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
}

/// What /livez and /readyz ask.
public struct HealthChecks: Sendable {
    /// Asked by /livez. A process that fails here is to be restarted, so nothing belongs here that a restart can't mend; an
    /// engine that is down does not.
    public var live: [HealthCheck]
    /// Asked by /readyz, with whether the process is draining.
    public var ready: [HealthCheck]

    /// Makes the lists.
    public init(live: [HealthCheck] = [], ready: [HealthCheck] = []) {
        self.live = live
        self.ready = ready
    }
}
