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

    /// Whether a delivery goes through the proxy that the environment names (`http_proxy`, `https_proxy`, `all_proxy`, `no_proxy`); false
    /// by default. A proxy reads payloads that go to `http` URLs, and connects to an address of its own choice, which
    /// `allowedHosts` can't see. Deliveries to this machine never have one.
    public var usesProxy = false

    /// The defaults above.
    public init() {}
}
