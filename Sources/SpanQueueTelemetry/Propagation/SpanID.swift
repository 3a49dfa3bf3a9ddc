internal import CSpanQueueTelemetry

/// The identity of a span within its trace: 8 bytes, not all zero (W3C Trace Context level 2, section 3.2.2.4).
public struct SpanID: Sendable, Hashable, CustomStringConvertible {
    /// The eight bytes, most significant first.
    public let value: UInt64

    /// Makes an id; nil for zero, which the specification forbids.
    public init?(_ value: UInt64) {
        guard value != 0 else { return nil }
        self.value = value
    }

    /// A fresh random id, from the calling thread's generator.
    public static func random() -> SpanID {
        SpanID(nonZero: spanqueue_random_next())
    }

    /// The span of one attempt at a job, computed from what the claim fixed, so that the worker that runs it, the one that
    /// finds it lost and the command that draws it later all name the same span without storing its id.
    package static func derived(from first: UInt64, _ second: UInt64, _ third: UInt64) -> SpanID {
        SpanID(nonZero: splitMix(splitMix(splitMix(first) ^ second) ^ third))
    }

    private init(nonZero value: UInt64) {
        self.value = value == 0 ? 1 : value
    }

    /// 16 lower-case hex digits.
    public var description: String {
        Hexadecimal.encode([value])
    }
}

/// The finaliser of SplitMix64 (Steele, Lea and Flood 2014): every input bit reaches every output bit.
private func splitMix(_ input: UInt64) -> UInt64 {
    var value = input &+ 0x9E37_79B9_7F4A_7C15
    value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
    value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
    return value ^ (value >> 31)
}
