/// Something that reads metrics from elsewhere at each scrape.
///
/// A collector that throws, or is not done by its deadline, makes `spanq_collector_success{collector="…"}` 0 and leaves
/// the rest of the page as it is. It is then cancelled; one that does not heed that holds up no scrape, since none waits
/// for it again until it has come back.
public struct MetricsCollector: Sendable {
    /// The name in the `collector` label.
    public var name: String
    /// How long one scrape waits for it.
    public var deadline: Duration
    /// Whether a scrape in which it fails shows what it found last, rather than nothing.
    public var keepsLast: Bool
    /// The name of a gauge without labels that also says 1 or 0, for the collector whose success has a name of its own.
    public var successGauge: String?
    let collect: @Sendable (inout CollectedMetrics) async throws -> Void

    /// Makes a collector of a closure that fills in what it finds.
    public init(
        name: String, deadline: Duration = .seconds(3), keepsLast: Bool = false, successGauge: String? = nil,
        collect: @escaping @Sendable (inout CollectedMetrics) async throws -> Void
    ) {
        self.name = name
        self.deadline = deadline
        self.keepsLast = keepsLast
        self.successGauge = successGauge
        self.collect = collect
    }
}
