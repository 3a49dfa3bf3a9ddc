/// How jobs are delivered over HTTP.
public struct HTTPDeliveryConfiguration: Sendable, Hashable {
    /// From the start of a request to the last byte of its response; 30 s by default.
    public var timeout = Duration.seconds(30)
    /// Name resolution, TCP and TLS together, within `timeout`; 5 s by default.
    public var connectTimeout = Duration.seconds(5)
    /// How many bytes of the response's body are kept as the job's result, in bytes; 64 KiB by default, which is the limit of
    /// a result. Of a longer one no more is read.
    public var responseLimit = 64 << 10
    /// The hosts that jobs may be delivered to, names or addresses without port; empty, the default, for any.
    public var allowedHosts: [String] = []

    /// The defaults above.
    public init() {}
}
