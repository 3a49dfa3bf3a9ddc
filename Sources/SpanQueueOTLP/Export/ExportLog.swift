internal import Logging
import NIOConcurrencyHelpers

/// Tells a person when exporting stops working, when it works again, and what the collector says; nothing between: a collector
/// that is down all night is two lines.
///
/// A failure is an error: what is lost was asked for, and a command that a person waits for shows nothing below.
final class ExportLog: Sendable {
    /// The most messages of a collector that are told.
    private static let maximumMessages = 8

    private struct State {
        var isFailing = false
        var told: Set<String> = []
    }

    private let signal: OTLPSignal
    private let shownURL: String
    private let logger: Logger
    private let state = NIOLockedValueBox(State())

    init(signal: OTLPSignal, shownURL: String, logger: Logger) {
        self.signal = signal
        self.shownURL = shownURL
        self.logger = logger
    }

    /// - Parameters:
    ///   - outcome: of an export.
    ///   - items: how many it had.
    ///   - said: the collector's message: one bounded line. Each is told once, and only the first few that differ.
    func note(_ outcome: ExportOutcome, of items: Int, said: String?) {
        let failure: String? =
            switch outcome {
            case .exported(rejected: 0): nil
            case .exported: "rejected"
            case .failed(let errorType): errorType
            }
        let (before, isNew) = state.withLockedValue { state in
            defer { state.isFailing = failure != nil }
            guard let said, state.told.count < Self.maximumMessages else { return (state.isFailing, false) }
            return (state.isFailing, state.told.insert(said).inserted)
        }
        var metadata: Logger.Metadata = ["signal": "\(signal.rawValue)", "endpoint": "\(shownURL)"]
        if failure == nil, before {
            logger.notice("telemetry gets through again", metadata: metadata)
        }
        if let said, isNew { metadata["collector"] = "\(said)" }
        if let failure {
            metadata["error_type"] = "\(failure)"
            metadata["items"] = "\(items)"
        }
        switch (failure != nil, before, isNew) {
        case (true, false, _):
            logger.error(
                "telemetry is not getting through, and is dropped and counted until it does", metadata: metadata)
        case (true, true, true):
            logger.error("the collector says why it does not take telemetry", metadata: metadata)
        case (false, _, true):
            logger.warning("the collector takes telemetry and warns", metadata: metadata)
        default: break
        }
    }
}
