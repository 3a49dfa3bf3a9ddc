/// What all telemetry of a process says about the process: `service.name` and the like.
public struct TelemetryResource: Sendable, Hashable {
    /// The attributes.
    public var attributes: Attributes

    /// The instrumentation scope of everything that SpanQueue exports.
    static let scopeName = "spanqueue"
    /// `telemetry.sdk.version`, and the version of the scope: the one place that has SpanQueue's version.
    package static let version = "0.1.0"

    /// Makes a resource of attributes.
    public init(attributes: Attributes) {
        self.attributes = attributes
    }
}
