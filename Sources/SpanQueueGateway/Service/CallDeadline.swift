// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

package import GRPCCore

/// When the caller of a call gives up, as the call's metadata say: after that nothing is added or claimed for it.
package enum CallDeadline {
    /// - Returns: nil where nothing is said of it, or not as the protocol has it.
    package static func of(
        _ metadata: Metadata, now: ContinuousClock.Instant = .now
    ) -> ContinuousClock.Instant? {
        var values = metadata[stringValues: "grpc-timeout"].makeIterator()
        return values.next().flatMap(timeout).map { now + $0 }
    }

    /// One to eight digits and a unit, as in `250m`.
    package static func timeout(_ text: String) -> Duration? {
        let digits = text.utf8.dropLast()
        guard (1...8).contains(digits.count),
            digits.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
            let amount = Int64(String(decoding: digits, as: UTF8.self))
        else { return nil }
        switch text.utf8.last ?? 0 {
        case UInt8(ascii: "H"): return .seconds(amount * 3600)
        case UInt8(ascii: "M"): return .seconds(amount * 60)
        case UInt8(ascii: "S"): return .seconds(amount)
        case UInt8(ascii: "m"): return .milliseconds(amount)
        case UInt8(ascii: "u"): return .microseconds(amount)
        case UInt8(ascii: "n"): return .nanoseconds(amount)
        default: return nil
        }
    }
}
