// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import SpanQueueTelemetry

/// The name of a job, unique in its queue for as long as the job's record is kept.
///
/// SpanQueue's own ids are UUIDs of version 7 (RFC 9562, section 5.7): they sort by the time they were made. An
/// application may give ids of its own, which makes an enqueue idempotent.
public struct JobID: Sendable, Hashable, Codable, CustomStringConvertible, ExpressibleByStringLiteral {
    /// The id as text.
    public let description: String

    /// Takes an id given from outside.
    ///
    /// - Throws: `SpanQueueError` with `.invalidArgument` unless it is 1 to 128 of `A-Z a-z 0-9 _ . : - @ + =`.
    public init(_ text: String) throws(SpanQueueError) {
        try NameRule.jobID.check(text)
        self.description = text
    }

    /// An id that stands in the source code. One that is not allowed is a mistake of the program, found the first time that the line
    /// runs: it ends the process, as an array's index out of range does. Any text that is not a literal goes through `init(_:)`.
    public init(stringLiteral text: String) {
        precondition(
            NameRule.jobID.allows(text),
            "the job id in the source is not allowed: use 1 to 128 of \(NameRule.jobID.alphabet)")
        self.description = text
    }

    /// An id that the engine itself has stored.
    package init(unchecked text: String) {
        self.description = text
    }

    /// A fresh UUID of version 7 of the present time.
    public static func random() -> JobID {
        JobID(unchecked: UUIDv7.make().description)
    }

    /// Reads the id as plain text.
    public init(from decoder: any Decoder) throws {
        try self.init(decoder.singleValueContainer().decode(String.self))
    }

    /// Writes the id as plain text.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}

/// A UUID of version 7 (RFC 9562, section 5.7): 48 bits of milliseconds, then 74 random bits.
///
/// Ids made in one millisecond are not ordered among themselves: the queue's order is the engine's affair, and a counter
/// shared by all threads would cost more than it says. Nor are they secrets, so a system call for each would be wasted.
struct UUIDv7: CustomStringConvertible {
    let high: UInt64
    let low: UInt64

    static func make() -> UUIDv7 {
        let milliseconds = UInt64(max(0, Date().timeIntervalSince1970 * 1000))
        return UUIDv7(
            high: milliseconds << 16 | 0x7000 | (randomWord() & 0x0FFF),
            low: 0x8000_0000_0000_0000 | (randomWord() >> 2))
    }

    var description: String {
        String(unsafeUninitializedCapacity: 36) { buffer in
            var position = 0
            for nibble in 0..<32 {
                if nibble == 8 || nibble == 12 || nibble == 16 || nibble == 20 {
                    buffer[position] = UInt8(ascii: "-")
                    position += 1
                }
                let word = nibble < 16 ? high : low
                let digit = UInt8(truncatingIfNeeded: word >> UInt64(60 - (nibble & 15) * 4)) & 0xF
                buffer[position] = digit < 10 ? 48 + digit : 87 + digit
                position += 1
            }
            return position
        }
    }
}

/// What tells one claim of a job from every other.
///
/// `value` strictly rises from claim to claim of one job, so a handler can hand it to a database of its own and refuse the
/// writes of a holder that was thought dead (Kleppmann, "How to do distributed locking", 2016). The nonce keeps two claims
/// apart even where the server lost its last writes and its clock was set back.
package struct FencingToken: Sendable, Hashable, Comparable, CustomStringConvertible {
    /// Rises with every claim of the job: microseconds of the engine's clock, or the last value plus one.
    package let value: Int64
    /// Random, drawn by the claiming worker.
    package let nonce: UInt32

    package init(value: Int64, nonce: UInt32) {
        self.value = value
        self.nonce = nonce
    }

    /// `<value>-<nonce in hex>`.
    package var description: String { "\(value)-\(String(nonce, radix: 16))" }

    /// The later claim is greater; the nonce has no part in the order.
    package static func < (left: FencingToken, right: FencingToken) -> Bool { left.value < right.value }
}
