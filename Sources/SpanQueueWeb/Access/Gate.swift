// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

internal import Foundation
internal import HTTPTypes
internal import Logging
internal import SpanQueue
internal import SpanQueueAdmin
internal import Synchronization

/// Says who asks.
final class Gate: Sendable {
    /// How somebody has shown who they are.
    enum Credential: Sendable, Equatable {
        /// Nobody has to, on this machine alone.
        case none
        case bearer
        case basic
        case cookie(until: Timestamp)
        case proxy

        /// Whether a browser sends it by itself, also where a page of another site makes it ask.
        var isAmbient: Bool {
            switch self {
            case .none, .bearer: false
            case .basic, .cookie, .proxy: true
            }
        }
    }

    struct Visitor: Sendable {
        let principal: Principal
        let credential: Credential
    }

    private let access: WebAccess
    private let users: UserFile?
    private let userHeader: HTTPField.Name?
    private let groupsHeader: HTTPField.Name?
    private let cookies = SessionCookie()
    private let logger: Logger
    private let throttle = Mutex(SignInThrottle())
    /// Signatures of those who have signed out, until their cookie would be over anyway.
    private let ended = Mutex<[String: Timestamp]>([:])
    private static let mostEnded = 10_000

    /// - Throws: `.invalidArgument`.
    init(_ access: WebAccess, logger: Logger) throws(SpanQueueError) {
        try access.check()
        self.access = access
        self.logger = logger
        userHeader = try access.userHeader.map(WebAccess.header)
        groupsHeader = try access.groupsHeader.map(WebAccess.header)
        if let path = access.users { users = try UserFile(path: path, logger: logger) } else { users = nil }
    }

    var links: Links { access.links }

    /// Whether people have to say who they are, and so may come from elsewhere.
    var hasUsers: Bool { users != nil }

    // MARK: Who asks

    /// - Parameter peer: the other side's address; nil for a Unix socket.
    /// - Throws: 401, 403, 429.
    func visitor(_ headers: HTTPFields, peer: String?) throws(Problem) -> Visitor {
        let isTrusted = peer.map(access.proxies.contain) ?? true
        let address = address(headers, peer: peer, isTrusted: isTrusted)
        guard let users = users?.current() else {
            return Visitor(principal: principal("local", nil, .all, headers, address: nil), credential: .none)
        }
        if let user = try named(by: headers, users, isTrusted: isTrusted) {
            return Visitor(
                principal: principal(user.name, user.role, user.queues, headers, address: address), credential: .proxy)
        }
        if let field = headers[.authorization] {
            let (token, name, credential) = try Self.token(in: field)
            let user = try user(token, name, in: users, from: address)
            return Visitor(
                principal: principal(user.name, user.role, user.queues, headers, address: address),
                credential: credential)
        }
        if let (user, end) = signedIn(headers, users) {
            return Visitor(
                principal: principal(user.name, user.role, user.queues, headers, address: address),
                credential: .cookie(until: end))
        }
        throw .unauthenticated("sign in, or send a token: Authorization: Bearer spanq_…")
    }

    /// Whether a visitor who was let in with these headers would be now, as the same and with the same rights. It counts no failure: it
    /// is asked again and again of those who watch.
    func admits(_ visitor: Visitor, _ headers: HTTPFields, peer: String?) -> Bool {
        guard let users = users?.current() else { return visitor.credential == .none }
        let user: UserList.User?
        switch visitor.credential {
        case .none: user = nil
        case .proxy: user = try? named(by: headers, users, isTrusted: peer.map(access.proxies.contain) ?? true)
        case .bearer, .basic:
            let text = headers[.authorization].flatMap { try? Self.token(in: $0).0 }
            user = text.flatMap { AccessToken($0) }.flatMap { users.user(token: $0) }
        case .cookie: user = signedIn(headers, users)?.user
        }
        guard let user else { return false }
        let principal = visitor.principal
        return user.name == principal.name && user.role == principal.role && user.queues == principal.queues
    }

    /// Whom a cookie names that is still good.
    private func signedIn(_ headers: HTTPFields, _ users: UserList) -> (user: UserList.User, end: Timestamp)? {
        let now = Timestamp(Date())
        for value in SessionCookie.values(in: headers[values: .cookie]) {
            guard let (digest, end) = cookies.read(value, at: now), let user = users.user(digest: digest),
                ended.withLock({ $0[value] }) == nil
            else { continue }
            return (user, end)
        }
        return nil
    }

    private func principal(
        _ name: String, _ role: Role?, _ queues: QueuePatterns, _ headers: HTTPFields, address: String?
    ) -> Principal {
        let scopes = role?.scopes ?? Set(Scope.allCases)
        return Principal(
            // Browsers say how the page that asks stands to us; programs do not.
            name: name, way: headers[.secFetchSite] == nil ? .api : .web,
            scopes: access.isReadOnly ? scopes.intersection([.read, .payload]) : scopes, role: role, address: address,
            queues: queues)
    }

    /// Of the client, as far as it can be believed: what our proxies say is behind them, the nearest that is none of them.
    private func address(_ headers: HTTPFields, peer: String?, isTrusted: Bool) -> String? {
        guard isTrusted else { return peer }
        let hops = headers[values: .xForwardedFor].joined(separator: ",").split(separator: ",").map {
            $0.trimmingCharacters(in: .whitespaces)
        }
        guard let hop = hops.last(where: { !access.proxies.contain($0) }) else { return peer }
        // A proxy may say "unknown".
        return AddressRanges.bytes(hop) == nil ? peer : hop
    }

    // MARK: Proxies

    /// Whom a proxy names; nil where it names nobody.
    private func named(by headers: HTTPFields, _ users: UserList, isTrusted: Bool) throws(Problem) -> UserList.User? {
        let names = userHeader.map { headers[values: $0] } ?? []
        let groups = groupsHeader.map { headers[values: $0] } ?? []
        guard !names.isEmpty || !groups.isEmpty else { return nil }
        guard isTrusted else { throw .forbidden("the headers of a proxy are believed from --web-trusted-proxy alone") }
        guard names.count == 1, !names[0].isEmpty else { throw .forbidden("the proxy names nobody, or several") }
        let words = groups.flatMap { $0.split { $0 == "," || $0 == " " } }.map(String.init)
        guard let user = users.user(named: names[0], groups: words) else {
            throw .forbidden("neither this user nor one of their groups has rights here: see --web-users")
        }
        return user
    }

    // MARK: Tokens

    private static func token(in field: String) throws(Problem) -> (String, name: String?, Credential) {
        let words = field.split(separator: " ", maxSplits: 1).map(String.init)
        switch (words.first?.lowercased(), words.count) {
        case ("bearer", 2): return (words[1].trimmingCharacters(in: .whitespaces), nil, .bearer)
        case ("basic", 2):
            guard let data = Data(base64Encoded: words[1].trimmingCharacters(in: .whitespaces)),
                let text = String(validating: data, as: UTF8.self), let colon = text.firstIndex(of: ":")
            else { break }
            return (String(text[text.index(after: colon)...]), String(text[..<colon]), .basic)
        default: break
        }
        throw .unauthenticated("Authorization: send Bearer and a token, or Basic and a name with it")
    }

    /// - Throws: 429 where too many were tried, whatever this one is; 401.
    private func user(
        _ text: String, _ name: String?, in users: UserList, from address: String?
    ) throws(Problem) -> UserList.User {
        let place = address ?? "unix"
        let now = ContinuousClock.now
        if let wait = throttle.withLock({ $0.wait(for: place, at: now) }) { throw .tooMany(after: wait) }
        if let token = AccessToken(text), let user = users.user(token: token), name ?? user.name == user.name {
            return user
        }
        let left = throttle.withLock { throttle in
            throttle.fail(place, at: now)
            return throttle.left(for: place, at: now)
        }
        logger.warning("a wrong token", metadata: ["address": "\(place)"])
        throw .unauthenticated("the name or the token is wrong; \(left) more may be tried in this minute")
    }

    // MARK: Signing in and out

    /// Answers with a cookie.
    func signIn(name: String, token: String, _ headers: HTTPFields, peer: String?) throws(Problem) -> String {
        guard let users = users?.current() else {
            throw Problem(.conflict, "invalid_state", "there are no accounts here: whoever comes may do everything")
        }
        let isTrusted = peer.map(access.proxies.contain) ?? true
        let user = try user(token, name, in: users, from: address(headers, peer: peer, isTrusted: isTrusted))
        logger.notice("signed in", metadata: ["name": "\(user.name)"])
        let end = Timestamp(Date()) + SessionCookie.lifetime
        let digest = Digest.sha256(Array(token.utf8)).hexadecimal
        return SessionCookie.header(cookies.make(digest: digest, until: end), isSecure: Self.isSecure(headers))
    }

    /// Takes the cookie away, and no copy of it counts any more.
    func signOut(_ headers: HTTPFields) -> String {
        let now = Timestamp(Date())
        ended.withLock { ended in
            for value in SessionCookie.values(in: headers[values: .cookie]) {
                guard let (_, end) = cookies.read(value, at: now) else { continue }
                if ended.count >= Self.mostEnded { ended = ended.filter { now < $0.value } }
                if ended.count < Self.mostEnded { ended[value] = end }
            }
        }
        return SessionCookie.header(nil, isSecure: Self.isSecure(headers))
    }

    /// Browsers say of a page that sends something where it is from, and so whether TLS was on its way, whoever has ended it.
    private static func isSecure(_ headers: HTTPFields) -> Bool {
        headers[.origin]?.lowercased().hasPrefix("https://") == true
    }
}

extension HTTPField.Name {
    static let xForwardedFor = made("X-Forwarded-For")
}

extension Problem {
    static func unauthenticated(_ message: String) -> Problem {
        Problem(.unauthorized, "unauthenticated", message, [.wwwAuthenticate: "Bearer realm=\"SpanQueue\""])
    }

    static func tooMany(after wait: Duration) -> Problem {
        let seconds = max(1, wait.components.seconds + 1)
        return Problem(
            .tooManyRequests, "rate_limited", "too many wrong tokens from this address: try again in \(seconds) s",
            [.retryAfter: "\(seconds)"])
    }
}
