import SpanQueue

/// What a person did to a job, as `--json` shows it.
struct EventOutput: Encodable, Sendable {
    let at: String
    let event: String
    @OrNull var reason: String?

    /// Nil for an attempt, which is shown among the attempts.
    init?(_ event: HistoryEvent) {
        switch event {
        case .attempt: return nil
        case .redriven(let at): (self.at, self.event) = (at.description, "redriven")
        case .buried(let at, let reason): (self.at, self.event, self.reason) = (at.description, "buried", reason)
        case .cancelled(let at, let reason): (self.at, self.event, self.reason) = (at.description, "cancelled", reason)
        }
    }
}
