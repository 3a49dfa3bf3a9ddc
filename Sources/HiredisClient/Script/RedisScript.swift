// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import NIOConcurrencyHelpers

/// A Lua script that is called by its digest.
///
/// The digest is the server's answer to `SCRIPT LOAD`, so there is no SHA-1 in here; it is the same on every server and
/// therefore learnt once a process. Until then calls go out as `EVAL` with the whole source, which is always right.
package final class RedisScript: Sendable {
    /// For metrics and errors.
    package let name: String
    package let source: [UInt8]
    private let knownDigest = NIOLockedValueBox<[UInt8]?>(nil)

    package init(name: String, source: [UInt8]) {
        self.name = name
        self.source = source
    }

    /// 40 hex digits, once a server has told.
    var digest: [UInt8]? { knownDigest.withLockedValue { $0 } }

    var loadCommand: RESPCommand {
        var command = RESPCommand("SCRIPT", capacity: source.count + 32)
        command.append("LOAD")
        command.append(source)
        return command
    }

    /// The commands that it calls by name, in alphabetical order. There may be others, whose names it puts together.
    var commandNames: [String] {
        let names = String(decoding: source, as: UTF8.self).matches(of: /redis\.p?call\(\s*['"](\w+)['"]/).map {
            String($0.1)
        }
        return Set(names).sorted()
    }

    /// Takes the reply of `SCRIPT LOAD`.
    func learn(from reply: RESPReply) {
        guard let digest = try? reply.optionalBytes(), digest.count == 40 else { return }
        knownDigest.withLockedValue { $0 = digest }
    }
}

extension RedisError {
    /// The error of a script, made clear where it is about a right that the user lacks: the server then names the script's digest
    /// and not the command.
    func naming(commandsOf script: RedisScript) -> RedisError {
        guard message.contains("user executing the script can't") || message.contains("ACL failure in script") else {
            return self
        }
        return RedisError(
            .authentication,
            "the Redis user lacks a right that the script \(script.name) needs: give it those of deploy/redis/users.acl by ACL "
                + "SETUSER, here above all \(script.commandNames.joined(separator: " ")) (Redis says: \(message))",
            mayHaveRun: mayHaveRun)
    }
}

/// A script with its keys and arguments. Several of them, also of different scripts and with keys of different slots,
/// can leave in one write: ``RedisClient/pipeline(_:timeout:idempotent:)-(_,_,Bool)``.
package struct RedisScriptCall: Sendable {
    package let script: RedisScript
    /// All that stands behind the digest: the number of keys, the keys, the arguments.
    private(set) var tail: RESPCommand

    /// - Parameter capacity: bytes to reserve for the arguments, with some ten for each.
    package init(
        _ script: RedisScript, keys: [String], capacity: Int = 0, arguments: (inout RESPCommand) -> Void = { _ in }
    ) {
        self.script = script
        tail = RESPCommand(argumentsOf: script.name, capacity: capacity + keys.count * 32)
        tail.append(keys.count)
        for key in keys { tail.append(key) }
        arguments(&tail)
    }

    package init(_ script: RedisScript, keys: [[UInt8]], arguments: (inout RESPCommand) -> Void = { _ in }) {
        self.script = script
        tail = RESPCommand(argumentsOf: script.name)
        tail.append(keys.count)
        for key in keys { tail.append(key) }
        arguments(&tail)
    }
}
