import SpanQueueCurl

/// What `health` prints: whether the process is ready, and what it said.
struct HealthOutput: Encodable, Sendable {
    let url: String
    let ready: Bool
    /// The status of the answer; null where there was none.
    @OrNull var status: Int?
    let message: String

    init(url: String, _ result: Result<CurlResponse, CurlError>) {
        self.url = url
        switch result {
        case .success(let response):
            let text = Self.line(response.body)
            ready = response.status == 200
            _status = OrNull(wrappedValue: response.status)
            message = ready ? (text.isEmpty ? "ok" : text) : "\(url) answered \(response.status) \(text)"
        case .failure(let error):
            ready = false
            _status = OrNull(wrappedValue: error.status)
            message = Masking.redact(error.message)
        }
    }

    /// The first line of an answer, without control characters, and no longer than a person reads.
    private static func line(_ body: [UInt8]) -> String {
        let first = String(decoding: body, as: UTF8.self).split(whereSeparator: \.isNewline).first ?? ""
        return String(
            String.UnicodeScalarView(
                first.unicodeScalars.filter { $0.properties.generalCategory != .control }.prefix(300)))
    }
}
