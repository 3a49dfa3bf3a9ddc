#if canImport(Darwin)
    internal import Darwin
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Glibc
#endif

/// Writes each batch as one line of OTLP/JSON to standard output, for looking at telemetry without a collector.
struct ConsoleExporter<Item: Sendable>: BatchExporter {
    let encode: @Sendable ([Item]) -> [UInt8]

    func export(_ batch: [Item], by deadline: ContinuousClock.Instant) async -> ExportOutcome {
        let line = encode(batch) + [UInt8(ascii: "\n")]
        var written = 0
        while written < line.count {
            let count = line.withUnsafeBytes {
                write(STDOUT_FILENO, $0.baseAddress.map { $0 + written }, $0.count - written)
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return .failed(errorType: "write") }
            written += count
        }
        return .exported(rejected: 0)
    }
}
