internal import SpanQueueTelemetry

/// Writes each batch as one line of OTLP/JSON to standard output, for looking at telemetry without a collector. A standard output that
/// stalls holds up no one but its exports, which then fail.
struct ConsoleExporter<Item: Sendable>: BatchExporter {
    let encode: @Sendable ([Item]) -> [UInt8]

    func export(_ batch: [Item], by deadline: ContinuousClock.Instant) async -> ExportOutcome {
        let output = StreamWriter.standardOutput
        guard output.submit(encode(batch) + [UInt8(ascii: "\n")]) else { return .failed(errorType: "queue_full") }
        while !output.isIdle {
            guard ContinuousClock.now < deadline, !Task.isCancelled else { return .failed(errorType: "timeout") }
            try? await Task.sleep(for: .milliseconds(2))
        }
        return output.problem == nil ? .exported(rejected: 0) : .failed(errorType: "write")
    }
}
