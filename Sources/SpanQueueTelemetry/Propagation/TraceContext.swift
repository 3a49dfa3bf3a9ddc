// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

internal import CSpanQueueTelemetry

/// Where a piece of work stands in its trace: what W3C Trace Context level 2 and W3C Baggage carry from one process to
/// the next.
public struct TraceContext: Sendable, Hashable {
    /// The most bytes of `tracestate` that are carried on; of a longer one members are dropped (Trace Context level 2, section
    /// 3.3.1.5, asks to carry at least 512).
    public static let maximumTraceStateBytes = TraceStateHeader.maximumBytes
    /// The most bytes of `baggage` that are carried on; a longer one is dropped (W3C Baggage, section 3.3.2).
    public static let maximumBaggageBytes = BaggageHeader.maximumBytes

    /// The trace.
    public var traceID: TraceID
    /// The span that is the parent of whatever is started here.
    public var spanID: SpanID
    /// The flags byte; bit 0 is *sampled*, bit 1 is *random trace id*.
    public var flags: UInt8
    /// The `tracestate` header: opaque to us, but always one that follows the grammar, so that it can be sent as it is.
    public private(set) var traceState: String?
    /// The `baggage` header: opaque to us, but always one that follows the grammar, so that it can be sent as it is.
    public private(set) var baggage: String?

    /// Makes a context of its parts. A trace state or baggage that does not follow its grammar is left out.
    public init(traceID: TraceID, spanID: SpanID, flags: UInt8, traceState: String? = nil, baggage: String? = nil) {
        self.traceID = traceID
        self.spanID = spanID
        self.flags = flags
        self.traceState = traceState.flatMap(TraceStateHeader.carried)
        self.baggage = baggage.flatMap(BaggageHeader.carried)
    }

    /// A new trace with random ids, sampled.
    public static func root() -> TraceContext {
        TraceContext(traceID: .random(), spanID: .random(), flags: 0b11)
    }

    /// A new span in the same trace.
    public func child() -> TraceContext {
        var copy = self
        copy.spanID = .random()
        return copy
    }

    /// Whether the trace is recorded.
    public var isSampled: Bool { flags & 1 == 1 }
}

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

/// Lower-case hexadecimal, as W3C Trace Context writes it.
enum Hexadecimal {
    /// Sixteen digits a word, most significant first.
    static func encode(_ words: [UInt64]) -> String {
        String(unsafeUninitializedCapacity: words.count * 16) { buffer in
            var position = 0
            for word in words {
                for shift in stride(from: 60, through: 0, by: -4) {
                    let digit = UInt8((word >> UInt64(shift)) & 0xF)
                    buffer[position] = digit < 10 ? 48 + digit : 87 + digit
                    position += 1
                }
            }
            return position
        }
    }

    /// The value of at most sixteen lower-case digits; nil at any other byte, upper case among them.
    static func decode(_ digits: some Collection<UInt8>) -> UInt64? {
        guard !digits.isEmpty, digits.count <= 16 else { return nil }
        var value: UInt64 = 0
        for digit in digits {
            switch digit {
            case 48...57: value = value << 4 | UInt64(digit - 48)
            case 97...102: value = value << 4 | UInt64(digit - 87)
            default: return nil
            }
        }
        return value
    }
}

/// 64 bits of the calling thread's generator, which the system's has seeded: unlike any other, but no secret.
package func randomWord() -> UInt64 { spanqueue_random_next() }
