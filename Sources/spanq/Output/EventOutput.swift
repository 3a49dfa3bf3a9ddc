import SpanQueue

/// What a person did to a job, as `--json` shows it.
struct EventOutput: Encodable, Sendable {
    let at: String
    let event: String
    @OrNull var reason: String?
    @OrNull var by: String?

    /// Nil for an attempt, which is shown among the attempts.
    init?(_ event: HistoryEvent) {
        guard event.attempt == nil else { return nil }
        at = event.at.description
        self.event = event.kind
        reason = event.reason
        by = event.by
    }
}
