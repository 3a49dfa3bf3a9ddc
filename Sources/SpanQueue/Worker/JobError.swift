/// What a handler throws to say how its attempt is to end. Any other error is a failure that is tried again.
public enum JobError: Error, Sendable {
    /// Trying again is of no use: the job becomes a dead letter with this text as its error.
    case permanent(String)
    /// Try again after this long, if an attempt is left; the text is kept as the error.
    case retry(after: Duration, String = "")
    /// Call the job off.
    case cancel(String = "")
}
