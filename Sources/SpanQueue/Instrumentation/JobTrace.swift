package import SpanQueueTelemetry

/// A job's life as its record tells it: what a worker would have exported, rebuilt without any tracing backend.
///
/// The ids are those of the exported spans where these follow from the record: the enqueue's, each attempt's, and since they
/// derive from the claim also each wait's and settlement's. What a person did is exported with the ids of their own trace, which
/// the record does not keep: here it gets derived ids in the job's trace.
package struct JobTrace: Sendable {
    package let record: JobRecord
    /// The engine's clock when the record was read.
    package let now: Timestamp
    package internal(set) var steps: [Step] = []

    /// Says how attempts stand to their enqueue. The record does not know; workers are configured so.
    let telemetry: JobTelemetry
    /// Since when it could have been claimed; nil while it is put off, and once it has ended.
    var waitingSince: Timestamp?
    var previous: AttemptRecord?
    /// The number that the next attempt will have.
    var nextNumber = 1

    /// - Parameter attemptParent: what the workers are configured to.
    package init(_ record: JobRecord, now: Timestamp, attemptParent: JobTelemetry.AttemptParent = .auto) {
        telemetry =
            attemptParent == .auto ? .standard : JobTelemetry(registry: .standard, attemptParent: attemptParent)
        self.record = record
        self.now = now
        addEnqueue()
        for (index, event) in record.run.history.enumerated() {
            if index == 1 { addOmission(before: event) }
            let next = record.run.history.dropFirst(index + 1).first
            switch event.content {
            case .attempt(let attempt): add(attempt, before: next)
            case .redriven(let at): add("redrive", at: at, reason: nil)
            case .buried(let at, let reason): add("bury", at: at, reason: reason)
            case .cancelled(let at, let reason): add("cancel", at: at, reason: reason)
            }
        }
        addPresent()
    }

    package var spans: [SpanData] { steps.compactMap(\.span) }

    /// From the enqueue to the job's end, or until now.
    package var total: Duration {
        let end = record.state.isTerminal ? steps.map(\.end).max() ?? now : now
        return max(.zero, end - message.enqueuedAt)
    }

    var message: JobMessage { record.message }
}
