/// How long the record of a finished job is kept.
public enum Retention: Sendable, Hashable {
    /// As the engine is configured; by default one hour and at most 10,000 jobs a queue.
    case standard
    /// Not at all: it is forgotten the moment it completes.
    case none
    /// For this long, whatever the number of others.
    case duration(Duration)
}
