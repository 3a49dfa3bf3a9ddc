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
