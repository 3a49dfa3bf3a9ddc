// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Testing

@testable import SpanQueueTelemetry

@Suite("Numbers on pages")
struct NumberTests {
    @Test(
        "bounds are canonical numbers of OpenMetrics",
        arguments: [
            (0, "0.0"), (1e-10, "1e-10"), (1e-05, "1e-05"), (0.000_05, "5e-05"), (0.0001, "0.0001"),
            (0.000_25, "0.00025"),
            (0.1, "0.1"), (1, "1.0"), (2.5, "2.5"), (10, "10.0"), (3600, "3600.0"), (100_000, "100000.0"),
            (1e6, "1e+06"), (1_234_567.5, "1.2345675e+06"), (1e10, "1e+10"), (1e23, "1e+23"), (1.1e23, "1.1e+23"),
            (.infinity, "+Inf"), (123_456.789, "123456.789"), (.leastNonzeroMagnitude, "5e-324"), (-2.5, "-2.5"),
        ] as [(Double, String)])
    func bounds(bound: Double, expected: String) {
        #expect(ExpositionNumber.canonicalBound(bound) == expected)
    }

    @Test("a bound's text reads back as the bound")
    func roundTrip() {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<20_000 {
            let bound = Double(bitPattern: UInt64.random(in: 0..<UInt64(0x7FF) << 52, using: &generator))
            #expect(Double(ExpositionNumber.canonicalBound(bound)) == bound)
        }
    }

    @Test("a value's text reads back as the value")
    func values() {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<20_000 {
            let value = Double(bitPattern: UInt64.random(in: .min ... .max, using: &generator))
            let whole = Double(Int64.random(in: -1_000_000...1_000_000, using: &generator))
            for value in [value, whole] where !value.isNaN {
                var bytes: [UInt8] = []
                ExpositionNumber.append(value, to: &bytes)
                #expect(Double(String(decoding: bytes, as: UTF8.self)) == value)
            }
        }
        for value in [Int64.min, -1, 0, 9, 10, .max] {
            var bytes: [UInt8] = []
            ExpositionNumber.append(value, to: &bytes)
            #expect(String(decoding: bytes, as: UTF8.self) == "\(value)")
        }
    }
}
