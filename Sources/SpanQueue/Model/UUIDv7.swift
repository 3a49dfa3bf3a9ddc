import Foundation
import SpanQueueTelemetry

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
