/// Sends batches somewhere. A ``BatchProcessor`` calls it with one batch at a time.
public protocol BatchExporter<Item>: Sendable {
    /// What is exported.
    associatedtype Item: Sendable

    /// Sends a batch, and comes back by the deadline, or soon after its task is cancelled, whatever the other side does.
    func export(_ batch: [Item], by deadline: ContinuousClock.Instant) async -> ExportOutcome
}
