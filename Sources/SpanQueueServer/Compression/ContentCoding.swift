internal import SpanQueueTelemetry

/// How the bytes of a page are coded on their way.
enum ContentCoding: Sendable, Hashable {
    /// As they are.
    case identity
    /// gzip.
    case gzip

    /// The coding that an `Accept-Encoding` header prefers by its q-values (RFC 9110, section 12.5.3): gzip where it is
    /// accepted and not less wanted than no coding.
    static func negotiated(acceptEncoding: String?) -> ContentCoding {
        let codings = HeaderList.parse(acceptEncoding ?? "")
        let any = codings.first { $0.value == "*" }
        let gzip = codings.first { $0.value == "gzip" || $0.value == "x-gzip" } ?? any
        let identity = codings.first { $0.value == "identity" }
        guard let gzip, gzip.weight > 0 else { return .identity }
        return gzip.weight >= identity?.weight ?? 0 ? .gzip : .identity
    }
}
