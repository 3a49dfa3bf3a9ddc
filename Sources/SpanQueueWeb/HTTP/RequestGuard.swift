// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

internal import Foundation
internal import HTTPTypes

/// What is refused before a request is looked at: those that a page of somebody else makes a browser send.
///
/// A browser can be led here by a name that points to this machine (DNS rebinding), so only names that are ours are answered; and any
/// page may send requests here, whose answers it can't read but whose deeds would be done.
enum RequestGuard {
    /// - Parameters:
    ///   - authority: the `Host` of the request, with its port.
    ///   - hosts: those that are ours, in lower case.
    ///   - schemes: those by which browsers may come: TLS ends before us, if there is any.
    static func check(
        _ method: HTTPRequest.Method, _ headers: HTTPFields, authority: String?, hosts: Set<String>,
        schemes: [String]
    ) throws(Problem) {
        guard let authority, hosts.contains(host(of: authority).lowercased()) else {
            throw .forbidden("this host is not served here: use 127.0.0.1, [::1] or localhost, or add --web-host")
        }
        // A page of another site may open a WebSocket here and read from it, which it can't with a plain request.
        let isReading = method == .get || method == .head || method == .options
        guard !isReading || headers[.upgrade] != nil else { return }
        if let site = headers[.secFetchSite] {
            guard site == "same-origin" || site == "none" else { throw .forbidden("a page of another site sent this") }
        } else if let origin = headers[.origin] {
            // Browsers that do not say how the sites stand to each other say at least where the page is from.
            guard schemes.contains(where: { origin.lowercased() == "\($0)://\(authority.lowercased())" }) else {
                throw .forbidden("a page of another site sent this")
            }
        }
    }

    /// That what changes something has the one type of body, which no form can send, and no page of another site without asking first;
    /// so also where it has none.
    static func checkType(_ method: HTTPRequest.Method, _ headers: HTTPFields) throws(Problem) {
        guard ![.get, .head, .delete].contains(method) else { return }
        guard mediaType(headers[.contentType]) == "application/json" else {
            throw Problem(.unsupportedMediaType, "invalid_argument", "send Content-Type: application/json")
        }
    }

    private static func host(of authority: String) -> String {
        if authority.hasPrefix("[") { return String(authority.prefix { $0 != "]" } + "]") }
        return String(authority.prefix { $0 != ":" })
    }

    /// The names that this machine has for itself.
    static let ownHosts: Set<String> = ["127.0.0.1", "[::1]", "localhost"]

    /// Where a browser shows by itself who asks, it has to say that one of our own pages does.
    static func check(
        _ credential: Gate.Credential, _ method: HTTPRequest.Method, _ headers: HTTPFields
    ) throws(Problem) {
        guard method != .get, credential.isAmbient, headers[.secFetchSite] == nil, headers[.origin] == nil else {
            return
        }
        throw .forbidden("nothing says which page sent this: programs send Authorization: Bearer and a token")
    }

    private static func mediaType(_ header: String?) -> String? {
        header?.split(separator: ";", omittingEmptySubsequences: false).first?.trimmingCharacters(in: .whitespaces)
            .lowercased()
    }
}

extension HTTPField.Name {
    static let upgrade = made("Upgrade")
    static let lastEventID = made("Last-Event-ID")
    static let accelBuffering = made("X-Accel-Buffering")
    static let secFetchSite = made("Sec-Fetch-Site")
    static let idempotencyKey = made("Idempotency-Key")
    static let traceparent = made("traceparent")
    static let tracestate = made("tracestate")
    static let baggage = made("baggage")
    static let crossOriginResourcePolicy = made("Cross-Origin-Resource-Policy")
    static let crossOriginOpenerPolicy = made("Cross-Origin-Opener-Policy")
    static let referrerPolicy = made("Referrer-Policy")

    /// The names above are tokens, as RFC 9110 wants them: there is nothing to refuse.
    static func made(_ name: String) -> Self {
        guard let made = Self(name) else { preconditionFailure("\(name) is not the name of a header") }
        return made
    }
}
