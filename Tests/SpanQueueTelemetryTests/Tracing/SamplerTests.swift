// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Testing

@testable import SpanQueueTelemetry

@Suite("Samplers")
struct SamplerTests {
    private static let sampled = TraceContext(traceID: .random(), spanID: .random(), flags: 1)
    private static let unsampled = TraceContext(traceID: .random(), spanID: .random(), flags: 0)

    @Test(
        "each of the six decides for a root, below a sampled parent and below one that is not",
        arguments: [
            (Sampler.alwaysOn, true, true, true), (.alwaysOff, false, false, false),
            (.traceIDRatio(1), true, true, true), (.traceIDRatio(0), false, false, false),
            (.parentBasedAlwaysOn, true, true, false), (.parentBasedAlwaysOff, false, true, false),
            (.parentBasedTraceIDRatio(1), true, true, false), (.parentBasedTraceIDRatio(0), false, true, false),
        ])
    func table(_ sampler: Sampler, root: Bool, belowSampled: Bool, belowUnsampled: Bool) {
        #expect(sampler.samples(.random(), parent: nil) == root)
        #expect(sampler.samples(Self.sampled.traceID, parent: Self.sampled) == belowSampled)
        #expect(sampler.samples(Self.unsampled.traceID, parent: Self.unsampled) == belowUnsampled)
    }

    @Test("a ratio samples about that share, and what a smaller one samples a larger one does too")
    func ratio() {
        let ids = (0..<100_000).map { _ in TraceID.random() }
        var before: Set<TraceID> = []
        for ratio in [0, 0.001, 0.01, 0.25, 0.5, 0.999, 1] {
            let taken = Set(ids.filter { Sampler.traceIDRatio(ratio).samples($0, parent: nil) })
            let deviation = (ratio * (1 - ratio) / 100_000).squareRoot()
            #expect(abs(Double(taken.count) / 100_000 - ratio) <= 6 * deviation)
            #expect(taken.isSuperset(of: before))
            before = taken
        }
    }

    @Test("the decision is that of the other SDKs for the same id")
    func knownIDs() throws {
        let half = Sampler.traceIDRatio(0.5)
        let below = try #require(TraceID(high: .max, low: 0x7FFF_FFFF_FFFF_FFFF))
        let above = try #require(TraceID(high: 0, low: 0x8000_0000_0000_0000))
        #expect(half.samples(below, parent: nil))
        #expect(!half.samples(above, parent: nil))
    }
}
