internal import Logging
internal import SpanQueueCurl

/// Sends the batches of one signal to a collector, by OTLP/HTTP with JSON.
struct OTLPExporter<Item: Sendable>: BatchExporter {
    /// How much of an answer is read; more than any partial success has to say.
    private static var responseLimitBytes: Int { 64 << 10 }

    private let signal: OTLPSignal
    private let endpoint: OTLPEndpoint
    private let http: CurlLoop
    private let retries: Bool
    private let log: ExportLog
    private let encode: @Sendable ([Item]) -> [UInt8]

    init(
        _ signal: OTLPSignal, to endpoint: OTLPEndpoint, over http: CurlLoop, retries: Bool, log: Logger,
        encode: @escaping @Sendable ([Item]) -> [UInt8]
    ) {
        self.signal = signal
        self.endpoint = endpoint
        self.http = http
        self.retries = retries
        self.log = ExportLog(signal: signal, endpoint: endpoint, logger: log)
        self.encode = encode
    }

    func export(_ batch: [Item], by deadline: ContinuousClock.Instant) async -> ExportOutcome {
        let body = encode(batch)
        var request = CurlRequest(url: endpoint.url, method: "POST")
        // A header of the user's own comes in place of ours.
        let own = [
            ("Content-Type", "application/json"),
            ("User-Agent", "OTel-OTLP-Exporter-SpanQueue/\(TelemetryResource.version)"),
        ]
        request.headers = endpoint.headers.map { ($0.name, $0.value) }
        for (name, value) in own where !endpoint.headers.contains(where: { $0.name.lowercased() == name.lowercased() })
        {
            request.headers.append((name, value))
        }
        if endpoint.usesGzip, let packed = Gzip.compress(body) {
            request.headers.append(("Content-Encoding", "gzip"))
            request.body = packed
        } else {
            request.body = body
        }
        request.responseLimitBytes = Self.responseLimitBytes
        request.tls = CurlTLSFiles(
            authorities: endpoint.authorities, certificate: endpoint.clientCertificate, key: endpoint.clientKey)
        let outcome = await send(request, by: deadline)
        log.note(outcome, of: batch.count)
        return outcome
    }

    private func send(_ request: CurlRequest, by deadline: ContinuousClock.Instant) async -> ExportOutcome {
        var request = request
        var retry = ExportRetry()
        let clock = ContinuousClock()
        while true {
            let left = deadline - clock.now
            guard left > .zero else { return .failed(errorType: "timeout") }
            request.timeout = min(endpoint.timeout, left)
            let (answer, body) = await attempt(request)
            switch retry.verdict(on: answer, random: Double.random(in: 0...1)) {
            case .taken: return .exported(rejected: PartialSuccess.rejected(in: body, of: signal))
            case .drop(let errorType): return .failed(errorType: errorType)
            case .again(let delay, let errorType):
                // A wait that ends after the deadline need not begin.
                guard retries, clock.now + delay < deadline else { return .failed(errorType: errorType) }
                guard (try? await Task.sleep(for: delay)) != nil else { return .failed(errorType: "cancelled") }
            }
        }
    }

    private func attempt(_ request: CurlRequest) async -> (ExportRetry.Answer, [UInt8]) {
        do {
            let response = try await http.send(request)
            return (.status(response.status, retryAfter: response.retryAfter), response.body)
        } catch {
            // With a status the collector has decided, whatever became of the rest of its answer.
            if let status = error.status { return (.status(status, retryAfter: nil), []) }
            switch error.kind {
            case .connect, .resolve, .transfer: return (.unanswered(errorType: error.kind.rawValue), [])
            case .invalidRequest, .tls, .timeout, .cancelled, .closed:
                return (.failed(errorType: error.kind.rawValue), [])
            }
        }
    }
}
