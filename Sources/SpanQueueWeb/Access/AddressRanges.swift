// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

package import SpanQueue

#if canImport(Darwin)
    internal import Darwin
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Glibc
#endif

/// Addresses of IPv4 and IPv6, alone or by their beginning: `10.0.0.0/8`, `::1`.
package struct AddressRanges: Sendable, Hashable {
    private struct Range: Sendable, Hashable {
        let bytes: [UInt8]
        let bits: Int
    }

    private var ranges: [Range] = []

    package init() {}

    /// - Throws: `.invalidArgument`.
    package init(_ texts: [String]) throws(SpanQueueError) {
        for text in texts {
            let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            guard let bytes = Self.bytes(parts[0]),
                let bits = parts.count == 1 ? bytes.count * 8 : Int(parts[1]), (0...bytes.count * 8).contains(bits)
            else {
                throw SpanQueueError(
                    .invalidArgument,
                    "\"\(Excerpt.printable(text, limit: 60))\" is neither an address nor a range of them: write 10.0.0.0/8 or ::1"
                )
            }
            ranges.append(Range(bytes: bytes, bits: bits))
        }
    }

    package var isEmpty: Bool { ranges.isEmpty }

    /// Whether an address is one of them; a text that is none is not.
    func contain(_ address: String) -> Bool {
        guard let bytes = Self.bytes(address) else { return false }
        return ranges.contains { range in
            guard range.bytes.count == bytes.count else { return false }
            return (0..<range.bits).allSatisfy { bit in
                (range.bytes[bit / 8] ^ bytes[bit / 8]) & (0x80 >> UInt8(bit % 8)) == 0
            }
        }
    }

    /// Four or sixteen bytes; nil for what is not an address. IPv4 in the guise of IPv6 is IPv4.
    static func bytes(_ text: String) -> [UInt8]? {
        var four = in_addr()
        if inet_pton(AF_INET, text, &four) == 1 { return withUnsafeBytes(of: &four) { Array($0) } }
        var sixteen = in6_addr()
        guard inet_pton(AF_INET6, text, &sixteen) == 1 else { return nil }
        let bytes = withUnsafeBytes(of: &sixteen) { Array($0) }
        let isMapped = bytes.prefix(10).allSatisfy { $0 == 0 } && bytes[10] == 0xFF && bytes[11] == 0xFF
        return isMapped ? Array(bytes.suffix(4)) : bytes
    }
}
