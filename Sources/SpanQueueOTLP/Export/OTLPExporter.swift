// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

internal import Logging
import NIOConcurrencyHelpers
internal import SpanQueueTelemetry

/// Sends the batches of one signal to a collector, and again where that may help.
struct OTLPExporter<Batch: ItemBatch & Sendable>: BatchExporter {
    private let signal: OTLPSignal
    private let transport: any OTLPTransport
    private let contentType: String
    private let retries: Bool
    private let log: ExportLog
    private let encode: @Sendable (Batch) -> [UInt8]

    /// - Parameters:
    ///   - signal: what is sent.
    ///   - transport: takes the requests.
    ///   - contentType: of what `encode` makes.
    ///   - retries: whether what was not taken is sent again.
    ///   - log: is told what a person should know.
    ///   - encode: makes the body.
    init(
        _ signal: OTLPSignal, over transport: any OTLPTransport, as contentType: String, retries: Bool, log: ExportLog,
        encode: @escaping @Sendable (Batch) -> [UInt8]
    ) {
        self.signal = signal
        self.transport = transport
        self.contentType = contentType
        self.retries = retries
        self.log = log
        self.encode = encode
    }

    func export(_ batch: Batch, by deadline: ContinuousClock.Instant) async -> ExportOutcome {
        let (outcome, said) = await send(encode(batch), by: deadline)
        log.note(outcome, of: batch.count, said: said)
        return outcome
    }

    /// - Returns: also what the collector said last, for a person.
    private func send(
        _ body: [UInt8], by deadline: ContinuousClock.Instant
    ) async -> (ExportOutcome, said: String?) {
        var retry = ExportRetry()
        let clock = ContinuousClock()
        var said: String?
        while true {
            let left = deadline - clock.now
            guard left > .zero else { return (.failed(errorType: "timeout"), said) }
            let answer = await transport.send(body, as: contentType, within: min(transport.timeout, left))
            let words = words(of: answer)
            said = words.message ?? said
            switch retry.verdict(on: answer, random: Double.random(in: 0...1)) {
            case .taken: return (.exported(rejected: words.rejected), words.message)
            case .drop(let errorType): return (.failed(errorType: errorType), said)
            case .again(let delay, let errorType):
                // A wait that ends after the deadline need not begin.
                guard retries, clock.now + delay < deadline else { return (.failed(errorType: errorType), said) }
                guard (try? await Task.sleep(for: delay)) != nil else {
                    return (.failed(errorType: "cancelled"), said)
                }
            }
        }
    }

    private func words(of answer: OTLPAnswer) -> CollectorAnswer {
        guard case .status(let status, _, let type, let body) = answer else {
            return CollectorAnswer([], contentType: nil, status: 0, of: signal)
        }
        // One that does not say what it sends sends what it got.
        return CollectorAnswer(body, contentType: type ?? contentType, status: status, of: signal)
    }
}

/// What to do after one request of an export, as OTLP/HTTP says ("Failures", "Retryable response codes"): a pure function of what
/// came back, and of chance for the jitter.
struct ExportRetry: Sendable {
    enum Verdict: Sendable, Hashable {
        case taken
        case again(after: Duration, errorType: String)
        case drop(errorType: String)
    }

    /// The wait before the second request at most; it doubles with each one after that.
    static let firstDelay = Duration.seconds(1)
    static let longestDelay = Duration.seconds(5)

    private var delay = Self.firstDelay

    /// - Parameters:
    ///   - answer: what came back.
    ///   - share: a random number from 0 to 1.
    mutating func verdict(on answer: OTLPAnswer, random share: Double) -> Verdict {
        switch answer {
        case .status(200...299, _, _, _): .taken
        case .status(let code, let retryAfter, _, _) where [429, 502, 503, 504].contains(code):
            .again(after: next(share, atLeast: retryAfter), errorType: "\(code)")
        case .status(let code, _, _, _): .drop(errorType: (300...599).contains(code) ? "\(code)" : "_OTHER")
        case .unanswered(let errorType): .again(after: next(share, atLeast: nil), errorType: errorType)
        case .failed(let errorType): .drop(errorType: errorType)
        }
    }

    /// Between half of the delay and all of it, so that many processes do not come back at once; what the server asks for is
    /// waited in full, and the jitter on top.
    private mutating func next(_ share: Double, atLeast retryAfter: Duration?) -> Duration {
        let jittered = delay * (0.5 + 0.5 * share)
        delay = min(delay * 2, Self.longestDelay)
        guard let retryAfter else { return jittered }
        return retryAfter + jittered * 0.1
    }
}

/// Writes each batch as one line of OTLP/JSON to standard output, for looking at telemetry without a collector. A standard output that
/// stalls holds up no one but its exports, which then fail.
struct ConsoleExporter<Batch: ItemBatch & Sendable>: BatchExporter {
    let encode: @Sendable (Batch) -> [UInt8]

    func export(_ batch: Batch, by deadline: ContinuousClock.Instant) async -> ExportOutcome {
        let output = StreamWriter.standardOutput
        guard output.submit(encode(batch) + [UInt8(ascii: "\n")]) else { return .failed(errorType: "queue_full") }
        while !output.isIdle {
            guard ContinuousClock.now < deadline, !Task.isCancelled else { return .failed(errorType: "timeout") }
            try? await Task.sleep(for: .milliseconds(2))
        }
        return output.problem == nil ? .exported(rejected: 0) : .failed(errorType: "write")
    }
}

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
                "telemetry is not getting through: it is dropped and counted until it does", metadata: metadata)
        case (true, true, true):
            logger.error("the collector says why it does not take telemetry", metadata: metadata)
        case (false, _, true):
            logger.warning("the collector takes telemetry and warns", metadata: metadata)
        default: break
        }
    }
}
