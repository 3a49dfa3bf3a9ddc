// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

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
