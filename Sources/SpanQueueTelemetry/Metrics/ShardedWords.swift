// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

internal import CSpanQueueTelemetry
internal import Synchronization

#if canImport(Darwin)
    internal import Darwin
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Glibc
#endif

/// A row of 64-bit words that any thread may add to, kept in several copies ("shards") so that threads do not fight over
/// one cache line.
///
/// Each thread adds to the shard of its thread number; a reader adds up all shards. A shard starts on a boundary of 128
/// bytes, because the prefetcher of x86 and the cache line of Apple silicon reach that far. Every word only ever rises, so
/// does each total, and two scrapes in a row never see a counter fall. Relaxed ordering is enough: no word says anything
/// about another.
///
/// `@unchecked Sendable`: the pointer is set once, what it points at are atomics, and the owner outlives every use.
struct ShardedWords: ~Copyable, @unchecked Sendable {
    /// Words of 8 bytes in 128 bytes.
    private static let wordsPerLine = 16
    /// Twice as many as the machine runs threads at once, so that two of these seldom meet, up to a power of two; at most
    /// 8, because more would cost memory and the time of reading it.
    private static let shardCount: Int = {
        let threads = 2 * max(1, ProcessorCount.online)
        return min(8, 1 << (Int.bitWidth - (threads - 1).leadingZeroBitCount))
    }()

    private let base: UnsafeMutablePointer<Atomic<UInt64>>
    private let shards: Int
    private let mask: UInt32
    private let stride: Int

    /// Words of value 0; none at all where `isEnabled` is false: they read as 0, and nothing may be added to them.
    init(count: Int, isEnabled: Bool) {
        shards = isEnabled ? Self.shardCount : 0
        mask = UInt32(Self.shardCount - 1)
        stride = (count + Self.wordsPerLine - 1) / Self.wordsPerLine * Self.wordsPerLine
        let words = shards * stride
        let memory = UnsafeMutableRawPointer.allocate(byteCount: words * 8, alignment: Self.wordsPerLine * 8)
        base = memory.bindMemory(to: Atomic<UInt64>.self, capacity: words)
        for index in 0..<words { (base + index).initialize(to: Atomic(0)) }
    }

    deinit {
        base.deinitialize(count: shards * stride)
        UnsafeMutableRawPointer(base).deallocate()
    }

    /// Whether there is anything to add to. Set once, and on the line that an addition reads anyway.
    @inline(__always)
    var isEnabled: Bool { shards != 0 }

    /// The word at `index` of the calling thread's shard.
    @inline(__always)
    private func word(_ index: Int) -> UnsafeMutablePointer<Atomic<UInt64>> {
        assert(isEnabled, "nothing may be added to words that are off")
        return base + (Int(spanqueue_thread_number() & mask) &* stride &+ index)
    }

    /// Adds to a word that counts.
    @inline(__always)
    func count(_ amount: UInt64, at index: Int) {
        word(index).pointee.wrappingAdd(amount, ordering: .relaxed)
    }

    /// Adds to a word that holds the bits of a `Double`.
    @inline(__always)
    func add(_ amount: Double, at index: Int) {
        let word = word(index)
        var old = word.pointee.load(ordering: .relaxed)
        while true {
            let new = (Double(bitPattern: old) + amount).bitPattern
            let result = word.pointee.weakCompareExchange(expected: old, desired: new, ordering: .relaxed)
            if result.exchanged { return }
            old = result.original
        }
    }

    /// What all threads have added to a word that counts.
    func total(at index: Int) -> UInt64 {
        var sum: UInt64 = 0
        for shard in 0..<shards { sum &+= base[shard &* stride &+ index].load(ordering: .relaxed) }
        return sum
    }

    /// What all threads have added to a word of `Double` bits. Addition rounds the same way for every reader, since the
    /// shards are added in one order; so this total does not fall either.
    func floatingTotal(at index: Int) -> Double {
        var sum = 0.0
        for shard in 0..<shards { sum += Double(bitPattern: base[shard &* stride &+ index].load(ordering: .relaxed)) }
        return sum
    }

    /// Sets every word to 0. What is being added at the same moment may survive.
    func reset() {
        for index in 0..<(shards * stride) { base[index].store(0, ordering: .relaxed) }
    }
}

/// How many processors this machine has running.
enum ProcessorCount {
    static var online: Int { sysconf(Int32(_SC_NPROCESSORS_ONLN)) }
}
