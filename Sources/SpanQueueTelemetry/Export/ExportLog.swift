internal import Logging
import NIOConcurrencyHelpers

/// Tells a person when exporting stops working and when it works again, and nothing between: a collector that is down all night
/// is two lines.
final class ExportLog: Sendable {
    private let signal: OTLPSignal
    private let endpoint: OTLPEndpoint
    private let logger: Logger
    private let lastFailure = NIOLockedValueBox<String?>(nil)

    init(signal: OTLPSignal, endpoint: OTLPEndpoint, logger: Logger) {
        self.signal = signal
        self.endpoint = endpoint
        self.logger = logger
    }

    func note(_ outcome: ExportOutcome, of items: Int) {
        let failure: String? =
            switch outcome {
            case .exported(rejected: 0): nil
            case .exported: "rejected"
            case .failed(let errorType): errorType
            }
        let before = lastFailure.withLockedValue { last in
            defer { last = failure }
            return last
        }
        if let failure, before == nil {
            logger.warning(
                "telemetry is not getting through, and is dropped and counted until it does",
                metadata: [
                    "signal": "\(signal.rawValue)", "endpoint": "\(endpoint.shownURL)", "error_type": "\(failure)",
                    "items": "\(items)",
                ])
        } else if failure == nil, before != nil {
            logger.notice(
                "telemetry gets through again",
                metadata: ["signal": "\(signal.rawValue)", "endpoint": "\(endpoint.shownURL)"])
        }
    }
}
