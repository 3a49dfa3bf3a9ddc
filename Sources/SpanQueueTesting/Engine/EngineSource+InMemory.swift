public import SpanQueue

extension EngineSource {
    /// A fresh engine in this process, for tests.
    ///
    /// - Parameter clock: what judges every deadline; a `ManualClock` makes delays, retries and leases run at the test's
    ///   word.
    public static func inMemory(clock: any EngineClock = .system) -> EngineSource {
        EngineSource { _ in InMemoryEngine(clock: clock) }
    }
}
