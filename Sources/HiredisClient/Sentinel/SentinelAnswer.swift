// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

/// What a Sentinel has said of a service.
enum SentinelAnswer: Sendable, Equatable {
    /// The primary, and the other Sentinels. The epoch rises with each failover; nil where this Sentinel does not tell it.
    case primary(RedisAddress, epoch: Int64?, others: [RedisAddress])
    /// It knows no service of that name.
    case unknownService
    /// It did not answer, or not with what can be used.
    case failed(RedisError)

    /// More than anybody runs.
    private static let mostOthers = 64
    private static let longestHost = 255

    static let questionCount = 3

    static func questions(of service: String) -> [RESPCommand] {
        [
            RESPCommand("SENTINEL", "GET-MASTER-ADDR-BY-NAME", service), RESPCommand("SENTINEL", "MASTER", service),
            RESPCommand("SENTINEL", "SENTINELS", service),
        ]
    }

    /// Reads the replies to the questions. The last two may be refused to our user: they only add to the first.
    init(_ replies: [RESPReply]) {
        guard let first = replies.first else {
            self = .failed(RedisError(.protocolViolation, "no reply"))
            return
        }
        if first.isNull {
            self = .unknownService
            return
        }
        do throws(RedisError) {
            var cursor = RESPCursor(first)
            try cursor.nextArray(of: 2)
            let host = try cursor.nextString()
            let primary = try Self.address(host, cursor.nextString())
            let epoch = replies.dropFirst().first.flatMap { try? Self.fields($0)["config-epoch"].flatMap { Int64($0) } }
            self = .primary(primary, epoch: epoch, others: replies.dropFirst(2).first.map(Self.others) ?? [])
        } catch {
            self = .failed(error)
        }
    }

    /// Whether an error reply is about a service that the Sentinel does not know.
    static func isOfUnknownService(_ error: RedisError) -> Bool {
        error.message.hasPrefix("ERR No such master")
    }

    fileprivate static func address(_ host: String, _ port: String) throws(RedisError) -> RedisAddress {
        // A node that does not know its own name says "" or "?".
        let isName = !host.isEmpty && host.utf8.count <= longestHost && host.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F }
        guard isName, host != "?", let number = UInt16(port), number > 0 else {
            throw RedisError(.protocolViolation, "the Sentinel names an address that is none")
        }
        return RedisAddress(host: host, port: number)
    }

    private static func others(_ reply: RESPReply) -> [RedisAddress] {
        var cursor = RESPCursor(reply)
        guard let count = try? cursor.nextArrayCount() else { return [] }
        var found: [RedisAddress] = []
        for _ in 0..<min(count, mostOthers) {
            guard let fields = try? fields(&cursor) else { break }
            if let host = fields["ip"], let port = fields["port"], let address = try? address(host, port) {
                found.append(address)
            }
        }
        return found
    }

    private static func fields(_ reply: RESPReply) throws(RedisError) -> [String: String] {
        var cursor = RESPCursor(reply)
        return try fields(&cursor)
    }

    private static func fields(_ cursor: inout RESPCursor) throws(RedisError) -> [String: String] {
        var fields: [String: String] = [:]
        for _ in 0..<(try cursor.nextArrayCount()) / 2 {
            let name = try cursor.nextString()
            fields[name] = try cursor.nextString()
        }
        return fields
    }
}

/// What Sentinels publish of a new primary: the channels.
enum SentinelNews: String, Sendable, CaseIterable {
    /// Each of them says it when it names the new primary: `<service> <old host> <old port> <host> <port>`. The leader of a failover says it
    /// last of all, when the other replicas follow the new primary, a second or more after that has become one.
    case switched = "+switch-master"
    /// The leader says it as soon as the new primary is one, and names it from then on:
    /// `slave <name> <host> <port> @ <service> <old host> <old port>`.
    case promoted = "+promoted-slave"
    /// The leader has chosen the replica that is to become the primary, and tells it so at its next turn, in 50 to 100 ms:
    /// as `promoted`. No Sentinel names it before `promoted`, which may take a second more.
    case chosen = "+selected-slave"

    /// The new primary, or the one to come; nil where the message is of another service, or names none.
    func primary(in message: String, of service: String) -> RedisAddress? {
        let words = message.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
        switch self {
        case .switched:
            guard words.count == 5, words[0] == service else { return nil }
            return try? SentinelAnswer.address(words[3], words[4])
        case .promoted, .chosen:
            guard words.count == 8, words[4] == "@", words[5] == service else { return nil }
            return try? SentinelAnswer.address(words[2], words[3])
        }
    }
}
