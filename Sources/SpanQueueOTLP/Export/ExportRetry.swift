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
