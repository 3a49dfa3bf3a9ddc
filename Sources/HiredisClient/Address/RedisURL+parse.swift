// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

extension RedisURL {
    /// Parses a URL, or says in one line what to write instead.
    package init(_ text: String) throws(RedisURLError) {
        guard let schemeEnd = text.firstRange(of: "://") else { throw .scheme }
        let scheme = text[..<schemeEnd.lowerBound].lowercased()
        var rest = text[schemeEnd.upperBound...]
        guard !rest.utf8.contains(where: { $0 <= 0x20 || $0 == 0x7F }) else { throw .control }
        guard !rest.contains("#") else { throw .fragment }
        switch scheme {
        case "redis", "rediss", "unix": break
        case "redis-sentinel", "rediss-sentinel", "redis+sentinel", "rediss+sentinel": break
        default: throw .scheme
        }

        var database: Int?
        if let question = rest.firstIndex(of: "?") {
            let query = rest[rest.index(after: question)...]
            rest = rest[..<question]
            guard query.hasPrefix("db=") else { throw scheme.hasSuffix("sentinel") ? .sentinelQuery : .query }
            database = try Self.parseDatabase(query.dropFirst("db=".count))
        }
        // A path may hold an '@', a password may not, unless encoded: the authority ends at the first '/'.
        let pathStart = rest.firstIndex(of: "/") ?? rest.endIndex
        let path = rest[pathStart...]
        var authority = rest[..<pathStart]
        var user: String?
        var password: String?
        if let at = authority.lastIndex(of: "@") {
            (user, password) = try Self.parseCredentials(authority[..<at])
            authority = authority[authority.index(after: at)...]
        }

        if scheme == "unix" {
            guard authority.isEmpty, path.count > 1 else { throw .path }
            let decoded = try Self.percentDecode(path)
            guard !decoded.utf8.contains(0) else { throw .control }
            // hiredis would cut it silently.
            guard decoded.utf8.count <= Self.longestSocketPath else { throw .longPath }
            self.init(endpoint: .unix(path: decoded), user: user, password: password, database: database ?? 0)
        } else if scheme.hasSuffix("sentinel") {
            let sentinels = try Self.parseSentinels(authority)
            let parts = path.dropFirst().split(separator: "/", omittingEmptySubsequences: false)
            guard let name = parts.first, !name.isEmpty else { throw .sentinelService }
            let service = try Self.percentDecode(name)
            guard !service.utf8.contains(where: { $0 <= 0x20 || $0 == 0x7F }) else { throw .control }
            guard parts.count <= 2 else { throw .sentinelPath }
            if parts.count == 2, !parts[1].isEmpty {
                guard database == nil else { throw .database }
                database = try Self.parseDatabase(parts[1])
            }
            self.init(
                endpoint: .sentinels(sentinels, service: service), user: user, password: password,
                database: database ?? 0, usesTLS: scheme.hasPrefix("rediss"))
        } else {
            guard !authority.contains(",") else { throw .hosts }
            let (host, port) = try Self.parseHost(authority)
            if path.count > 1 {
                guard database == nil else { throw .database }
                database = try Self.parseDatabase(path.dropFirst())
            }
            let endpoint = Endpoint.tcp(host: host, port: port)
            self.init(
                endpoint: endpoint, user: user, password: password, database: database ?? 0,
                usesTLS: scheme == "rediss")
        }
    }

    /// In bytes: what `sun_path` holds beside its final NUL.
    package static let longestSocketPath = MemoryLayout.size(ofValue: sockaddr_un().sun_path) - 1

    private static func parseCredentials(_ text: Substring) throws(RedisURLError) -> (String?, String?) {
        guard !text.isEmpty else { return (nil, nil) }
        guard let colon = text.firstIndex(of: ":") else { throw .passwordMissing }
        let user = try percentDecode(text[..<colon])
        let password = try percentDecode(text[text.index(after: colon)...])
        // An ACL user may have an empty password ("nopass"); the default user with one is nobody in particular.
        if user.isEmpty { return (nil, password.isEmpty ? nil : password) }
        return (user, password)
    }

    private static func parseSentinels(_ text: Substring) throws(RedisURLError) -> [RedisAddress] {
        var sentinels: [RedisAddress] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let (host, port) = try parseHost(part, port: 26379)
            let sentinel = RedisAddress(host: host, port: port)
            if !sentinels.contains(sentinel) { sentinels.append(sentinel) }
        }
        guard sentinels.count <= mostSentinels else { throw .sentinelCount }
        return sentinels
    }

    /// More than anybody runs.
    private static let mostSentinels = 64

    private static func parseHost(
        _ text: Substring, port standard: UInt16 = 6379
    ) throws(RedisURLError) -> (String, UInt16) {
        var host = text
        var port: Substring?
        if text.hasPrefix("[") {
            guard let close = text.firstIndex(of: "]") else { throw .bracket }
            host = text[text.index(after: text.startIndex)..<close]
            let after = text[text.index(after: close)...]
            if !after.isEmpty {
                guard after.hasPrefix(":") else { throw .port }
                port = after.dropFirst()
            }
        } else if let colon = text.firstIndex(of: ":") {
            guard colon == text.lastIndex(of: ":") else { throw .bareIPv6 }
            host = text[..<colon]
            port = text[text.index(after: colon)...]
        }
        let decoded = try percentDecode(host)
        guard !decoded.isEmpty, !decoded.utf8.contains(0) else { throw .host }
        guard let port else { return (decoded, standard) }
        guard port.utf8.allSatisfy(isDigit), let number = UInt16(port), number > 0 else { throw .port }
        return (decoded, number)
    }

    private static func parseDatabase(_ text: Substring) throws(RedisURLError) -> Int {
        guard text.utf8.allSatisfy(isDigit), let number = Int(text) else { throw .database }
        return number
    }

    private static func isDigit(_ byte: UInt8) -> Bool { UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte }

    private static func percentDecode(_ text: Substring) throws(RedisURLError) -> String {
        guard text.utf8.contains(UInt8(ascii: "%")) else { return String(text) }
        var bytes: [UInt8] = []
        var rest = text.utf8
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard let high = rest.popFirst().flatMap(hexValue), let low = rest.popFirst().flatMap(hexValue) else {
                throw .percent
            }
            bytes.append(high << 4 | low)
        }
        guard let decoded = String(validating: bytes, as: UTF8.self) else { throw .percent }
        return decoded
    }

    private static func hexValue(_ digit: UInt8) -> UInt8? {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
