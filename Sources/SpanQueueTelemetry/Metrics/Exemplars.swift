// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

internal import Synchronization

/// Which observations may become exemplars (`OTEL_METRICS_EXEMPLAR_FILTER`).
public struct ExemplarFilter: Sendable, Hashable {
    private enum Kind: Sendable, Hashable {
        case sampled, always, never
    }

    private let kind: Kind

    /// Those within a sampled span (`trace_based`), the default.
    public static let sampled = ExemplarFilter(kind: .sampled)
    /// Those within any span (`always_on`).
    public static let always = ExemplarFilter(kind: .always)
    /// None (`always_off`).
    public static let never = ExemplarFilter(kind: .never)

    /// Whether an observation within `source` may become one.
    @inline(__always)
    func admits(_ source: ExemplarSource) -> Bool {
        switch kind {
        case .sampled: source.isSampled
        case .always: true
        case .never: false
        }
    }
}

/// The span within which something is recorded, as far as an exemplar needs it: three words that live in registers, so
/// handing one over costs nothing.
package struct ExemplarSource: Sendable, Hashable {
    /// The span's trace.
    package let traceID: TraceID
    /// The span.
    package let spanID: SpanID
    /// Whether the trace is recorded; an exemplar of one that is not would lead nowhere.
    package let isSampled: Bool

    /// Makes a source of its parts.
    package init(traceID: TraceID, spanID: SpanID, isSampled: Bool) {
        self.traceID = traceID
        self.spanID = spanID
        self.isSampled = isSampled
    }

    /// The span that a context stands for.
    package init(_ context: TraceContext) {
        self.init(traceID: context.traceID, spanID: context.spanID, isSampled: context.isSampled)
    }
}

/// The last exemplar of each bucket of one series, written by any thread without a lock and read without a torn one.
///
/// Each slot is a sequence lock of six atomic words on a cache line of its own: a version, even when the slot is at rest, and five
/// words of exemplar. A writer makes the version odd, writes, and makes it even again; one that finds it odd gives up, since the
/// other's exemplar is as good as its own and recording never waits. A reader takes what it read only if the version
/// was even before and the same after. Releasing stores and acquiring loads keep each step in its place: no word can be seen
/// before the odd version that announced it.
///
/// `@unchecked Sendable`: the pointer is set once, what it points at are atomics, and the owner outlives every use.
struct ExemplarSlots: ~Copyable, @unchecked Sendable {
    private static let wordsPerSlot = 8
    private static let cacheLineBytes = 64
    /// A reader that keeps meeting writers leaves the slot out of this one scrape.
    private static let readAttempts = 64

    let count: Int
    private let filter: ExemplarFilter
    private let base: UnsafeMutablePointer<Atomic<UInt64>>

    /// Empty slots; with the filter `never` no slots at all.
    init(count: Int, filter: ExemplarFilter) {
        self.filter = filter
        self.count = filter == .never ? 0 : count
        let words = self.count * Self.wordsPerSlot
        let memory = UnsafeMutableRawPointer.allocate(byteCount: words * 8, alignment: Self.cacheLineBytes)
        base = memory.bindMemory(to: Atomic<UInt64>.self, capacity: words)
        for index in 0..<words { (base + index).initialize(to: Atomic(0)) }
    }

    deinit {
        base.deinitialize(count: count * Self.wordsPerSlot)
        UnsafeMutableRawPointer(base).deallocate()
    }

    /// Makes the observation the slot's exemplar, if the filter admits it and nobody else is writing.
    ///
    /// One that was taken within the same tick of the clock (some milliseconds) stays: readers come every few seconds,
    /// and without this threads that record at full speed into one bucket would fight over its slot.
    @inline(__always)
    func offer(_ value: Double, from source: ExemplarSource, at index: Int) {
        guard index < count, filter.admits(source) else { return }
        let now = SystemClock.recent()
        guard base[index &* Self.wordsPerSlot &+ 5].load(ordering: .relaxed) != now else { return }
        store(value, from: source, timeUnixNanoseconds: now, at: index)
    }

    /// Makes the observation the slot's exemplar, unless somebody else is writing.
    func store(_ value: Double, from source: ExemplarSource, timeUnixNanoseconds: UInt64, at index: Int) {
        let slot = base + index &* Self.wordsPerSlot
        let version = slot[0].load(ordering: .relaxed)
        guard version & 1 == 0,
            slot[0].compareExchange(expected: version, desired: version &+ 1, ordering: .acquiring).exchanged
        else { return }
        slot[1].store(source.traceID.high, ordering: .releasing)
        slot[2].store(source.traceID.low, ordering: .releasing)
        slot[3].store(source.spanID.value, ordering: .releasing)
        slot[4].store(value.bitPattern, ordering: .releasing)
        slot[5].store(timeUnixNanoseconds, ordering: .releasing)
        slot[0].store(version &+ 2, ordering: .releasing)
    }

    /// The slot's exemplar; nil where there is none yet.
    func load(at index: Int) -> MetricExemplar? {
        guard index < count else { return nil }
        let slot = base + index &* Self.wordsPerSlot
        for _ in 0..<Self.readAttempts {
            let before = slot[0].load(ordering: .acquiring)
            if before == 0 { return nil }
            let high = slot[1].load(ordering: .acquiring)
            let low = slot[2].load(ordering: .acquiring)
            let span = slot[3].load(ordering: .acquiring)
            let value = slot[4].load(ordering: .acquiring)
            let time = slot[5].load(ordering: .acquiring)
            guard before & 1 == 0, slot[0].load(ordering: .relaxed) == before else { continue }
            guard let traceID = TraceID(high: high, low: low), let spanID = SpanID(span) else { return nil }
            return MetricExemplar(
                traceID: traceID, spanID: spanID, value: Double(bitPattern: value), timeUnixNanoseconds: time)
        }
        return nil
    }
}
