internal import SpanQueueTelemetry

/// The version of SpanQueue.
public enum SpanQueueVersion {
    /// `major.minor.patch`, by semantic versioning.
    public static let text = LibraryVersion.text
}
