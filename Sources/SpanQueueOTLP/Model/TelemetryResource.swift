public import SpanQueueTelemetry

/// What all telemetry of a process says about the process: `service.name` and the like.
public struct TelemetryResource: Sendable, Hashable {
    /// The attributes.
    public var attributes: Attributes

    /// The instrumentation scope of everything that SpanQueue exports.
    static let scopeName = "spanqueue"
    /// `telemetry.sdk.version`, and the version of the scope.
    static var version: String { LibraryVersion.text }

    /// Makes a resource of attributes.
    public init(attributes: Attributes) {
        self.attributes = attributes
    }
}
