// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

/// What a new connection says before anything else, in one write: who it is, which database, its name, the scripts. Ends
/// with a `PING`, which a server that is still loading its data refuses. Does no I/O.
struct Handshake {
    private enum Step {
        case authenticate, select, setName, role, load(RedisScript), ping
    }

    private var steps: ArraySlice<Step> = []
    private(set) var commands: [RESPCommand] = []
    private let isOfSentinels: Bool
    /// Whether the server has said nothing so far.
    private(set) var isUnanswered = true
    /// The latest reply, if it was an error that is not a reason to give up: where the server hangs up then, it is.
    private(set) var lastWords: String?

    init(url: RedisURL, name: String, scripts: [RedisScript]) {
        isOfSentinels = url.usesSentinels
        if let password = url.password {
            add(.authenticate, url.user.map { RESPCommand("AUTH", $0, password) } ?? RESPCommand("AUTH", password))
        }
        if url.database != 0 { add(.select, RESPCommand("SELECT", String(url.database))) }
        if !name.isEmpty { add(.setName, RESPCommand("CLIENT", "SETNAME", name)) }
        // A Sentinel may be behind the times, and so may be what it names.
        if isOfSentinels { add(.role, RESPCommand("ROLE")) }
        for script in scripts { add(.load(script), script.loadCommand) }
        add(.ping, RESPCommand("PING"))
    }

    private mutating func add(_ step: Step, _ command: RESPCommand) {
        steps.append(step)
        commands.append(command)
    }

    var isComplete: Bool { steps.isEmpty }

    /// What a server says that lets nobody in, whatever was asked; it hangs up then.
    private static func refusal(_ error: RedisError) -> RedisError? {
        if error.message.hasPrefix("DENIED") {
            return RedisError(.authentication, "Redis lets nobody in from here: \(error.message)")
        }
        if error.message.hasPrefix("ERR max number of clients") {
            return RedisError(.unreachable, "Redis has as many clients as it takes (maxclients): \(error.message)")
        }
        return nil
    }

    /// Takes the reply to the oldest open step. Throws if the connection is of no use.
    mutating func receive(_ reply: RESPReply) throws(RedisError) {
        isUnanswered = false
        lastWords = nil
        guard let step = steps.popFirst() else { throw .unasked(reply) }
        guard let error = reply.topLevelError else {
            if case .load(let script) = step { script.learn(from: reply) }
            if case .role = step { try Self.checkRole(reply) }
            return
        }
        if let refusal = Self.refusal(error) { throw refusal }
        switch step {
        case .authenticate:
            // Not a word of the server's text: a server that does not know the command repeats its arguments.
            let isUnknown = reply.bytes.starts(with: "ERR AUTH <password> called without any password configured".utf8)
            throw RedisError(
                .authentication,
                isUnknown
                    ? "this Redis has no password: leave it out of the Redis URL, or set one for the user"
                    : "Redis refuses user and password: check both in the Redis URL")
        case .select:
            try refuseWithoutPassword(reply)
            guard
                ["ERR DB index", "ERR invalid DB index", "ERR SELECT is not allowed"].contains(where: {
                    reply.bytes.starts(with: $0.utf8)
                })
            else { throw RedisError(error.code, "cannot use the database in the Redis URL: \(error.message)") }
            // To try again is of no use: it is the URL that has to change, as with a password.
            throw RedisError(
                .authentication,
                "Redis refuses the database in the Redis URL: use a lower number, or raise databases (\(error.message))"
            )
        case .role where error.code == .authentication:
            try refuseWithoutPassword(reply)
            throw RedisError(
                .authentication,
                "the Redis user may not ask whether this is the primary: give it +role (\(error.message))")
        case .setName, .role, .load, .ping:
            try refuseWithoutPassword(reply)
            // An ACL may forget these commands, and a script that does not compile says so when it is called.
            guard error.isTransient, error.code != .readOnly else {
                lastWords = error.message
                return
            }
            throw error
        }
    }

    /// What `ROLE` says of a primary.
    static let primaryRole = "master"

    /// The role in a reply to `ROLE`.
    static func role(in reply: RESPReply) throws(RedisError) -> String {
        var cursor = RESPCursor(reply)
        _ = try cursor.nextArrayCount()
        return try cursor.nextString()
    }

    private static func checkRole(_ reply: RESPReply) throws(RedisError) {
        let role = try role(in: reply)
        guard role != primaryRole else { return }
        throw RedisError(.readOnly, "what the Sentinels name as the primary is none (its role is \(role.prefix(20)))")
    }

    private func refuseWithoutPassword(_ reply: RESPReply) throws(RedisError) {
        guard reply.bytes.starts(with: "NOAUTH".utf8) else { return }
        let advice = "Redis asks for a password: write it into the URL, as in redis://user:password@host"
        throw RedisError(.authentication, advice)
    }
}
