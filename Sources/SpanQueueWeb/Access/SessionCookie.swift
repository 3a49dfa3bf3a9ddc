// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

internal import SpanQueue
internal import SpanQueueAdmin

/// What a browser shows after a person has signed in: whose token it was, and until when, signed with a key that is made when the server
/// starts. A restart signs everybody out.
struct SessionCookie: Sendable {
    static let lifetime = Duration.seconds(12 * 3600)

    private let key: [UInt8]

    init() {
        var generator = SystemRandomNumberGenerator()
        key = (0..<32).map { _ in UInt8.random(in: 0...255, using: &generator) }
    }

    func make(digest: String, until end: Timestamp) -> String {
        let content = Base64URL.encode(Array("\(end.milliseconds) \(digest)".utf8))
        return "\(content).\(Base64URL.encode(signature(of: content)))"
    }

    /// Whose it is and how long it counts; nil where it is not of ours, or is over.
    func read(_ text: String, at now: Timestamp) -> (digest: String, end: Timestamp)? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 2, let given = Base64URL.decode(parts[1]), let content = Base64URL.decode(parts[0]),
            Self.areEqual(given, signature(of: parts[0]))
        else { return nil }
        let words = String(decoding: content, as: UTF8.self).split(separator: " ").map(String.init)
        guard words.count == 2, let milliseconds = Int64(words[0]) else { return nil }
        let end = Timestamp(milliseconds: milliseconds)
        return now < end ? (words[1], end) : nil
    }

    private func signature(of content: String) -> [UInt8] { Digest.hmacSHA256(Array(content.utf8), key: key) }

    /// In a time that does not tell where they differ.
    private static func areEqual(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        guard left.count == right.count else { return false }
        return zip(left, right).reduce(0 as UInt8) { $0 | ($1.0 ^ $1.1) } == 0
    }

    // MARK: The headers

    /// With TLS a name that no other host and no page without TLS can set.
    private static func name(isSecure: Bool) -> String { isSecure ? "__Host-spanq" : "spanq" }

    /// - Parameter value: nil to take it away.
    static func header(_ value: String?, isSecure: Bool) -> String {
        let age = value == nil ? 0 : lifetime.components.seconds
        return "\(name(isSecure: isSecure))=\(value ?? ""); Path=/; Max-Age=\(age); HttpOnly; SameSite=Strict"
            + (isSecure ? "; Secure" : "")
    }

    /// Those of ours in a request's headers.
    static func values(in headers: [String]) -> [String] {
        headers.flatMap { $0.split(separator: ";") }.compactMap { pair in
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let word = parts[0].drop { $0 == " " }
            guard parts.count == 2, [true, false].contains(where: { name(isSecure: $0) == word }) else { return nil }
            return String(parts[1])
        }
    }
}
