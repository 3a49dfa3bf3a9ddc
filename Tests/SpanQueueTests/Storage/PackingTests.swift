// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueueTelemetry
import Testing

@testable import SpanQueue

@Suite("Packed records")
struct PackingTests {
    private let stamp = Timestamp(milliseconds: 1_800_000_000_000)

    private func message(_ generator: inout some RandomNumberGenerator) -> NewJob {
        func pick<Value>(_ values: [Value]) -> Value { values[Int.random(in: 0..<values.count, using: &generator)] }
        let lock = [UInt8]((0..<16).map { _ in UInt8.random(in: 0...255, using: &generator) })
        let spans: [UniqueSpan] = [.untilStarted, .untilFinished, .duration(.seconds(9))]
        var message = JobMessage(
            id: "id", queue: "q", type: pick(["a", "email:welcome", String(repeating: "t", count: 128)]),
            payload: (0..<pick([0, 1, 300])).map { _ in UInt8.random(in: 0...255, using: &generator) },
            priority: pick([0, 3, 9]), maxRetries: pick([0, 25, 1000]),
            backoff: pick([nil, .standard, .constant(.seconds(3)), .linear(step: .seconds(1), cap: .seconds(5))]),
            timeout: pick([nil, .milliseconds(1), .hours(9)]), deadline: nil,
            unique: pick([nil, UniqueLock(digest: lock, span: pick(spans))]),
            retention: pick([.standard, .none, .duration(.seconds(8))]), tags: pick([[], ["a"], ["a", "b:c"]]),
            trace: TraceContext(
                traceID: .random(), spanID: .random(), flags: pick([0, 1, 3]), traceState: pick([nil, "a=b"]),
                baggage: pick([nil, "user=7"])),
            runAt: nil, enqueuedAt: Timestamp(milliseconds: 0), contentDigest: pick([nil, 0, .max, 77]))
        message.parentSpanID = pick([nil, .random()])
        return NewJob(
            message: message,
            schedule: pick([.now, .after(.seconds(5)), .at(stamp + .seconds(8)), .at(stamp + .seconds(-8))]),
            expiry: pick([nil, .after(.minutes(1)), .at(stamp + .hours(1))]))
    }

    @Test("a message reads back as the engine accepted it, whatever its options")
    func messages() throws {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<2000 {
            let job = message(&generator)
            let stored = Array("1800000000000".utf8) + MessagePacking.pack(job)
            let read = try MessagePacking.unpack(stored, id: "id", queue: "q")
            #expect(read == job.message(acceptedAt: stamp))
            #expect(try MessagePacking.eligibleAt(Array(stored.prefix(MessagePacking.headBytes))) == read.eligibleAt)
        }
    }

    @Test("the span above the enqueue is a member of its own in the stored tracestate, where there is room for it")
    func parents() throws {
        let parent = try #require(SpanID(0x00f0_67aa_0ba9_02b7))
        let long = String(repeating: "x", count: 487)
        for (parent, state, stored) in [
            (parent, nil, "spanq=p:00f067aa0ba902b7"), (parent, "a=b", "spanq=p:00f067aa0ba902b7,a=b"),
            (nil, nil, nil), (nil, "a=b", "a=b"), (nil, "a=b,spanq=p:00f067aa0ba902b7", "a=b,spanq=p:00f067aa0ba902b7"),
            (parent, long, "spanq=p:00f067aa0ba902b7,\(long)"),
        ] as [(SpanID?, String?, String?)] {
            #expect(ParentMember.joined(parent, state) == stored)
            let parted = ParentMember.parted(stored)
            #expect(parted.parent == parent && parted.state == state)
        }
        #expect(ParentMember.joined(parent, long + "x") == long + "x")
        // One that came from outside is not ours.
        #expect(ParentMember.joined(nil, "spanq=p:00f067aa0ba902b7,a=b") == "a=b")
        for state in [
            "spanq=p:", "spanq=p:00f067aa0ba902b", "spanq=p:00f067aa0ba902b7a", "spanq=p:00F067AA0BA902B7",
            "spanq=p:0000000000000000", "spanq=p:+0f067aa0ba902b7", "spanq=q:00f067aa0ba902b7",
        ] {
            #expect(ParentMember.parted(state).parent == nil && ParentMember.parted(state).state == state)
        }
    }

    @Test("a message that is cut off anywhere before its payload is an error, never a crash or a wrong job")
    func truncated() throws {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<50 {
            var job = message(&generator)
            job.message.payload = []
            let stored = Array("1800000000000".utf8) + MessagePacking.pack(job)
            for length in 0..<stored.count {
                #expect(throws: PackingError.self) {
                    try MessagePacking.unpack(Array(stored.prefix(length)), id: "id", queue: "q")
                }
            }
        }
    }

    @Test("garbage is an error or a record, never a crash")
    func garbage() {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<5000 {
            let bytes = (0..<Int.random(in: 0...200)).map { _ in UInt8.random(in: 0...255, using: &generator) }
            _ = try? MessagePacking.unpack(bytes, id: "id", queue: "q")
            _ = try? MessagePacking.unpack(Array("1800000000000\u{1}".utf8) + bytes, id: "id", queue: "q")
            _ = try? RunPacking.unpack([1, 0, 0, 0] + bytes, eligibleAt: stamp)
            _ = try? Lease(String(decoding: bytes, as: UTF8.self))
        }
    }

    @Test("a record of runs reads back, with the end that the script appends")
    func runs() throws {
        var run = RunRecord()
        run.attempts = 300
        run.reclaims = 2
        run.lastError = "nul \0 and 👩‍👩‍👧"
        run.progress = JobProgress(fraction: 0.25, note: "a quarter")
        run.result = [0, 255]
        func attempt(_ outcome: AttemptOutcome) -> AttemptRecord {
            AttemptRecord(
                number: 7, token: FencingToken(value: 1_800_000_000_000_001, nonce: .max), worker: "w:1",
                eligibleAt: stamp, claimedAt: stamp + .seconds(1), endedAt: stamp + .seconds(2), outcome: outcome,
                retryDelay: .seconds(3), reason: "r", errorType: "t", error: "e")
        }
        for outcome in AttemptOutcome.known { run.append(.attempt(attempt(outcome))) }
        run.append(.redriven(at: stamp))
        run.append(.buried(at: stamp, reason: ""))
        run.append(.cancelled(at: stamp, reason: "why"))
        #expect(try RunPacking.unpack(RunPacking.pack(run), eligibleAt: stamp) == run)
        var last = attempt(.completed)
        last.endedAt = stamp + .seconds(9)
        run.append(.attempt(last))
        let settled = RunPacking.packForSettlement(run) + Array("1800000009000".utf8)
        #expect(try RunPacking.unpack(settled, eligibleAt: stamp) == run)
    }

    @Test("a lost attempt of a job that had no lease reads as that of an unknown worker")
    func lostWithoutLease() throws {
        let run = try RunPacking.unpack([1, 0, 0, 1] + Array("L\0\0\u{e}r1800000009000".utf8), eligibleAt: stamp)
        guard let lost = run.history.first?.attempt else {
            Issue.record("the attempt is not there")
            return
        }
        #expect(lost.outcome == .lost && lost.worker == "unknown" && lost.token == FencingToken(value: 0, nonce: 0))
        #expect(lost.claimedAt == stamp + .seconds(9) && lost.endedAt == stamp + .seconds(9))
        #expect(throws: PackingError.self) {
            try RunPacking.unpack([1, 0, 0, 1] + Array("L\0\0\u{f}r1800000009000x".utf8), eligibleAt: stamp)
        }
    }

    // MARK: Later versions

    /// A message as a later version of this layout writes it: with a block behind the digests, two bytes of presence, and extras.
    private func later(
        _ job: NewJob, flags: UInt8, block: [UInt8], presence more: UInt16 = 0, extras: [UInt8]? = nil,
        version: UInt8 = 2
    ) -> [UInt8] {
        let plain = MessagePacking.pack(job)
        let digests = (plain[1] & 1 != 0 ? 16 : 0) + (plain[1] & 8 != 0 ? 8 : 0)
        let presence = UInt16(plain[3 + digests]) | (extras == nil ? 0 : 256) | more
        let payload = job.message.payload.count
        var bytes = Array("1800000000000".utf8) + [version, plain[1] | flags] + plain[2..<3 + digests]
        bytes += [UInt8(block.count)] + block + [UInt8(presence >> 8), UInt8(presence & 255)]
        bytes += plain[4 + digests..<plain.count - payload]
        if let extras { bytes += [UInt8(extras.count >> 8), UInt8(extras.count & 255)] + extras }
        return bytes + job.message.payload
    }

    @Test("a message of a later version reads as the job that it is, whatever its block and its extras hold")
    func version2() throws {
        var generator = SystemRandomNumberGenerator()
        for size in [0, 1, 208, 255] {
            for extras in [nil, [], [UInt8](repeating: 7, count: 300)] {
                for _ in 0..<50 {
                    let job = message(&generator)
                    let stored = later(
                        job, flags: [16, 32, 64, 128, 240].randomElement() ?? 16,
                        block: [UInt8](repeating: 9, count: size), extras: extras)
                    let read = try MessagePacking.unpack(stored, id: "id", queue: "q")
                    #expect(read == job.message(acceptedAt: stamp))
                    #expect(
                        try MessagePacking.eligibleAt(Array(stored.prefix(MessagePacking.headBytes))) == read.eligibleAt
                    )
                }
            }
        }
    }

    @Test("what is newer than that is told apart from what is damaged")
    func newer() throws {
        var generator = SystemRandomNumberGenerator()
        let job = message(&generator)
        func isNewer(_ read: () throws -> Void) -> Bool? {
            do {
                try read()
                return nil
            } catch {
                return (error as? PackingError)?.isNewer
            }
        }
        func unpack(_ bytes: [UInt8]) throws { _ = try MessagePacking.unpack(bytes, id: "id", queue: "q") }
        #expect(isNewer { try unpack(later(job, flags: 16, block: [], version: 3)) } == true)
        for bit in 9..<16 {
            #expect(isNewer { try unpack(later(job, flags: 16, block: [], presence: 1 << bit)) } == true)
        }
        #expect(isNewer { try unpack(Array("1800000000000".utf8) + [0, 0, 48]) } == false)
        #expect(isNewer { try unpack(Array("garbage".utf8)) } == false)
        #expect(isNewer { _ = try RunPacking.unpack([2, 0, 0, 0], eligibleAt: stamp) } == true)
        #expect(isNewer { _ = try RunPacking.unpack([0, 0, 0, 0], eligibleAt: stamp) } == false)
    }

    @Test("a record of runs keeps what it does not know, and the fingerprint of the error stands first")
    func unknownEntries() throws {
        var run = RunRecord()
        run.attempts = 1
        run.lastError = "no"
        run.errorFingerprint = 0x0102_0304_0506_0708
        run.append(.redriven(at: stamp, by: "anna"))
        run.append(.buried(at: stamp, reason: "why", by: "bert"))
        run.append(.cancelled(at: stamp, reason: "", by: "c"))
        var packed = RunPacking.pack(run)
        #expect(Array(packed[4..<16]) == [UInt8(ascii: "F"), 0, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8])
        #expect(try RunPacking.unpack(packed, eligibleAt: stamp) == run)
        let unknown: [UInt8] = [UInt8(ascii: "Z"), 0, 0, 3, 1, 2, 3]
        packed.insert(contentsOf: unknown, at: 16)
        let read = try RunPacking.unpack(packed, eligibleAt: stamp)
        #expect(read.unknownEntries == unknown && read.history == run.history)
        #expect(try RunPacking.unpack(RunPacking.pack(read), eligibleAt: stamp) == read)
    }

    @Test("an attempt of a later version reads: an outcome that is not known, and fields behind those that are")
    func laterAttempt() throws {
        var run = RunRecord()
        run.append(
            .attempt(
                AttemptRecord(
                    number: 1, token: FencingToken(value: 7, nonce: 1), worker: "w", eligibleAt: stamp,
                    claimedAt: stamp,
                    endedAt: stamp, outcome: .completed, error: "e")))
        var packed = RunPacking.pack(run)
        packed[10] = 77
        packed.insert(contentsOf: [1, 2, 3, 4, 5], at: packed.count - 13)
        packed[7] += 5
        let attempt = try #require(try RunPacking.unpack(packed, eligibleAt: stamp).history.first?.attempt)
        #expect(attempt.outcome.rawValue == "unknown" && !AttemptOutcome.known.contains(attempt.outcome))
        #expect(attempt.error == "e" && attempt.endedAt == stamp)
    }
}
