/// The version of SpanQueue.
public enum SpanQueueVersion {
    /// `major.minor.patch`, by semantic versioning.
    public static let text = "0.1.0"
}
