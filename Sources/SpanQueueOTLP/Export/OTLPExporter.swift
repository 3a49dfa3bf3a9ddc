/// Sends the batches of one signal to a collector, and again where that may help.
struct OTLPExporter<Item: Sendable>: BatchExporter {
    private let signal: OTLPSignal
    private let transport: any OTLPTransport
    private let contentType: String
    private let retries: Bool
    private let log: ExportLog
    private let encode: @Sendable ([Item]) -> [UInt8]

    /// - Parameters:
    ///   - signal: what is sent.
    ///   - transport: takes the requests.
    ///   - contentType: of what `encode` makes.
    ///   - retries: whether what was not taken is sent again.
    ///   - log: is told what a person should know.
    ///   - encode: makes the body.
    init(
        _ signal: OTLPSignal, over transport: any OTLPTransport, as contentType: String, retries: Bool, log: ExportLog,
        encode: @escaping @Sendable ([Item]) -> [UInt8]
    ) {
        self.signal = signal
        self.transport = transport
        self.contentType = contentType
        self.retries = retries
        self.log = log
        self.encode = encode
    }

    func export(_ batch: [Item], by deadline: ContinuousClock.Instant) async -> ExportOutcome {
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
