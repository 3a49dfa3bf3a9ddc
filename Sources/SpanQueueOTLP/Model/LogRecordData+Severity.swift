extension LogRecordData {
    /// How bad something is. The numbers are those of `SeverityNumber` in opentelemetry-proto, and those that the appendix of the
    /// log data model gives for the levels of swift-log's kind.
    public enum Severity: Int, Sendable, Hashable, CaseIterable {
        /// For following the program step by step.
        case trace = 1
        /// For finding mistakes in the program.
        case debug = 5
        /// The usual course of things.
        case info = 9
        /// Worth knowing, though nothing is wrong.
        case notice = 10
        /// May become an error.
        case warning = 13
        /// Something failed.
        case error = 17
        /// Something failed that the rest depends on.
        case critical = 21

        /// As swift-log writes it.
        var text: String {
            switch self {
            case .trace: "trace"
            case .debug: "debug"
            case .info: "info"
            case .notice: "notice"
            case .warning: "warning"
            case .error: "error"
            case .critical: "critical"
            }
        }
    }
}
