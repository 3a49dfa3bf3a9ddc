/// What a server answered.
package struct CurlResponse: Sendable, Hashable {
    /// The status code of the final response.
    package let status: Int
    /// What `Retry-After` asks for, from now on, be it given in seconds or as a date; nil where it asks for nothing.
    package let retryAfter: Duration?
    /// The value of `Content-Type`, where there is one.
    package let contentType: String?
    /// The body, or its first bytes.
    package let body: [UInt8]
    /// Whether the body went on after what is kept.
    package let isTruncated: Bool
}
