// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

/// One command in the form in which it is sent: a RESP2 array of bulk strings.
///
/// ```swift
/// var command = RESPCommand("LPUSH")
/// command.append(key)
/// for id in ids { command.append(id) }
/// ```
///
/// Arguments go straight into one buffer. The number of them is not in there: it is written before the buffer when the
/// command is sent, so it needs to be known neither up front nor patched afterwards.
package struct RESPCommand: Sendable {
    /// The command's name, for metrics and errors; also its first argument.
    package let name: String
    package private(set) var argumentCount = 0

    /// The encoded arguments, without the array's header.
    private(set) var arguments: [UInt8] = []

    /// - Parameter capacity: bytes to reserve, headers of the arguments (about 10 bytes each) included.
    package init(_ name: String, capacity: Int = 0) {
        self.name = name
        arguments.reserveCapacity(capacity + name.utf8.count + 10)
        append(name)
    }

    package init(_ name: String, _ arguments: String...) {
        self.init(name)
        for argument in arguments { append(argument) }
    }

    /// Arguments alone, to stand behind the `EVALSHA` and the digest that a script call adds.
    ///
    /// - Parameter script: the script's name.
    init(argumentsOf script: String, capacity: Int = 0) {
        name = script
        arguments.reserveCapacity(capacity)
    }

    /// What is left of a command that will not be sent any more: its name.
    init(released command: RESPCommand) {
        name = command.name
    }

    package mutating func append(_ argument: String) {
        var argument = argument
        argument.withUTF8 { append(bytes: UnsafeRawBufferPointer($0)) }
    }

    package mutating func append(_ argument: [UInt8]) {
        argument.withUnsafeBytes { append(bytes: $0) }
    }

    package mutating func append(_ argument: ArraySlice<UInt8>) {
        argument.withUnsafeBytes { append(bytes: $0) }
    }

    package mutating func append(_ argument: RawSpan) {
        argument.withUnsafeBytes { append(bytes: $0) }
    }

    package mutating func append(bytes: UnsafeRawBufferPointer) {
        arguments.appendBulkHeader(length: bytes.count)
        arguments.append(contentsOf: bytes)
        arguments.appendLineEnd()
        argumentCount += 1
    }

    package mutating func append(_ argument: Int) {
        append(Int64(argument))
    }

    package mutating func append(_ argument: Int64) {
        arguments.appendBulkHeader(length: argument.decimalWidth)
        arguments.appendDecimal(argument)
        arguments.appendLineEnd()
        argumentCount += 1
    }

    /// Adds arguments that were encoded ahead, behind the ones that are here.
    package mutating func append(argumentsOf other: RESPCommand) {
        arguments.append(contentsOf: other.arguments)
        argumentCount += other.argumentCount
    }

    /// About what it takes on the wire and in memory, in bytes.
    var size: Int { arguments.count + 16 }

    func encode(into output: inout [UInt8]) {
        output.appendArrayHeader(count: argumentCount)
        output.append(contentsOf: arguments)
    }
}
