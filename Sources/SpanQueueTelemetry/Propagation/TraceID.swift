internal import CSpanQueueTelemetry

/// The identity of a trace: 16 bytes, not all zero (W3C Trace Context level 2, section 3.2.2.3).
public struct TraceID: Sendable, Hashable, CustomStringConvertible {
    /// The first eight bytes, most significant first.
    public let high: UInt64
    /// The last eight bytes, most significant first.
    public let low: UInt64

    /// Makes an id of its two halves; nil where both are zero, which the specification forbids.
    public init?(high: UInt64, low: UInt64) {
        guard high != 0 || low != 0 else { return nil }
        self.high = high
        self.low = low
    }

    /// A fresh random id, from the calling thread's generator.
    public static func random() -> TraceID {
        while true {
            if let id = TraceID(high: spanqueue_random_next(), low: spanqueue_random_next()) { return id }
        }
    }

    /// An id that anyone who knows `high` and `low` can compute again; the lowest bit is set, so it is never all zero.
    package init(nonZeroLow low: UInt64, high: UInt64) {
        self.high = high
        self.low = low | 1
    }

    /// 32 lower-case hex digits.
    public var description: String {
        Hexadecimal.encode([high, low])
    }
}
