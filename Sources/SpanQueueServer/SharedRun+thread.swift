internal import SpanQueueLoop
internal import SpanQueueTelemetry

extension SharedRun {
    /// A run that has the server's thread, with its deadline.
    convenience init(
        deadline: Duration, on thread: LoopThread, _ work: @escaping @Sendable () async throws -> Value
    ) {
        self.init(deadline: deadline, on: thread as any TaskExecutor, sleep: { try await thread.sleep(for: $0) }, work)
    }
}
