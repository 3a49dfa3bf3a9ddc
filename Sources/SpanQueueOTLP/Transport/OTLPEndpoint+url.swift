internal import SpanQueueCurl

extension OTLPEndpoint {
    /// The URL without credentials and query.
    var shownURL: String {
        (try? CurlAddress(url))?.shown ?? "(a URL that is not valid)"
    }

    /// What is wrong with a URL, without a word of it; nil where it can be used.
    static func problem(with url: String) -> String? {
        do {
            _ = try CurlAddress(url)
            return nil
        } catch {
            return error.message
        }
    }

    /// The URL of a signal below the base that all signals share, with one slash between them.
    static func url(base: String, signal: OTLPSignal) -> String {
        // A query stays behind the path.
        let parts = base.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        let path = String(parts.first ?? "")
        let query = parts.count > 1 ? "?\(parts[1])" : ""
        return path + (path.hasSuffix("/") ? "" : "/") + signal.path + query
    }
}
