// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

/// A small generator of random numbers that a seed determines (SplitMix64), so that a finding can be had again.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

/// Makes inputs that are nearly sound.
enum Mutation {
    private static let longest = 4096
    /// Bytes and pieces that readers treat in a way of their own.
    private static let pieces: [[UInt8]] =
        [[0], [0xFF], [0x0D, 0x0A], [0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF], [0x80, 0, 0, 0, 0, 0, 0, 0]]
        + [
            "-1", "9223372036854775807", "-9223372036854775808", "18446744073709551616", "1e308", "%00", "%", "{", "\"",
            "\\",
        ]
        .map { Array($0.utf8) }
        + ["é", "\u{FEFF}", "👩‍👩‍👧", ",", ";", ":", "=", "@", "[", "\t", "\n"].map { Array($0.utf8) }

    /// One of the seeds, changed in one to six places.
    static func input(of seeds: [[UInt8]], _ generator: inout SeededGenerator) -> [UInt8] {
        var bytes = seeds.randomElement(using: &generator) ?? []
        for _ in 0..<Int.random(in: 1...6, using: &generator) { change(&bytes, seeds, &generator) }
        return Array(bytes.prefix(longest))
    }

    private static func change(_ bytes: inout [UInt8], _ seeds: [[UInt8]], _ generator: inout SeededGenerator) {
        let start = Int.random(in: 0...bytes.count, using: &generator)
        let end = min(bytes.count, start + Int.random(in: 0...8, using: &generator))
        switch Int.random(in: 0..<7, using: &generator) {
        case 0 where start < bytes.count: bytes[start] = UInt8.random(in: 0...255, using: &generator)
        case 1 where start < bytes.count: bytes[start] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
        case 2: bytes.removeSubrange(start..<end)
        case 3: bytes.insert(contentsOf: pieces.randomElement(using: &generator) ?? [], at: start)
        case 4:
            let part = Array(bytes[start..<end])
            for _ in 0..<Int.random(in: 1...20, using: &generator) { bytes.insert(contentsOf: part, at: start) }
        case 5:
            let other = seeds.randomElement(using: &generator) ?? []
            bytes.replaceSubrange(start..., with: other.dropFirst(min(start, other.count)))
        default: bytes.replaceSubrange(start..<end, with: pieces.randomElement(using: &generator) ?? [])
        }
    }
}
