/// One signal on its way out: a queue or a collection, and the exporter behind it.
public protocol ExportPipeline: Sendable {
    /// Exports in the background until its task is cancelled or the pipeline shut down.
    func run() async

    /// Exports what is there now.
    ///
    /// - Parameter limit: it is given up then.
    func flush(within limit: Duration) async -> FlushResult

    /// Takes no more, and exports what is there. What is not done in time is dropped and counted. Calls after the first one
    /// have nothing to do.
    func shutdown(within limit: Duration) async -> FlushResult

    /// What it has done so far.
    var statistics: ExportStatistics { get }
}
