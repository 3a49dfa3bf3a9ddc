extension BatchLimits {
    /// Reads `<prefix>_SCHEDULE_DELAY`, `_EXPORT_TIMEOUT`, `_MAX_QUEUE_SIZE` and `_MAX_EXPORT_BATCH_SIZE`.
    static func fromEnvironment(
        _ reader: inout EnvironmentReader, _ prefix: String, _ defaults: BatchLimits
    ) -> BatchLimits {
        let sizes = 1...1_000_000
        let queueSize = reader.number("\(prefix)_MAX_QUEUE_SIZE", in: sizes) ?? defaults.queueSize
        let given = reader.number("\(prefix)_MAX_EXPORT_BATCH_SIZE", in: sizes)
        if let given, given > queueSize {
            reader.warn("\(prefix)_MAX_EXPORT_BATCH_SIZE", "it is more than the queue holds: \(queueSize) is taken")
        }
        return BatchLimits(
            queueSize: queueSize, batchSize: given ?? defaults.batchSize,
            scheduleDelay: reader.duration("\(prefix)_SCHEDULE_DELAY", atLeast: 0) ?? defaults.scheduleDelay,
            exportTimeout: reader.duration("\(prefix)_EXPORT_TIMEOUT") ?? defaults.exportTimeout)
    }
}
