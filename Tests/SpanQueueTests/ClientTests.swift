// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueueTelemetry
import Testing

@testable import SpanQueue

@Suite("What is refused before anything is sent")
struct ClientTests {
    @Test("limits with which a claim or settlement would be too large for one reply or call")
    func largeLimits() {
        for (payload, result) in [(4 << 20, 0), (0, 1 << 20), (-1, 0), (0, -1)] {
            var limits = Limits()
            (limits.payloadBytes, limits.resultBytes) = (payload, result)
            #expect(throws: SpanQueueError.self) { try limits.check() }
        }
        var limits = Limits()
        limits.payloadBytes = Limits.largestPayloadBytes
        limits.resultBytes = Limits.largestResultBytes
        #expect(throws: Never.self) { try limits.check() }
    }

    private func make(
        _ type: String = "email:welcome", payload: [UInt8] = [], _ options: EnqueueOption...
    ) throws(SpanQueueError) -> NewJob {
        try NewJob(
            EnqueueRequest(type: type, payload: payload, options: options), configuration: JobQueueConfiguration(),
            trace: .root())
    }

    @Test(
        "hostile names are refused with a message on one line",
        arguments: [
            "", "{x}", "a\r\nb", "a\0b", "<script>", "..%2f", String(repeating: "a", count: 10_240), "ü", "a b",
        ])
    func hostileNames(name: String) throws {
        for attempt in [
            { try make(name) }, { try make("t", .queue(name)) }, { try make("t", .tags([name])) },
            { try make("t", .id(JobID(name))) },
        ] {
            let error = #expect(throws: SpanQueueError.self) { _ = try attempt() }
            #expect(error?.code == .invalidArgument)
            #expect(error?.message.contains("\n") == false)
            #expect((error?.message.utf8.count ?? 0) < 300)
        }
    }

    @Test("a payload may have its limit and not one byte more")
    func payloadLimit() throws {
        _ = try make(payload: [UInt8](repeating: 0, count: 1 << 20))
        let error = #expect(throws: SpanQueueError.self) {
            try make(payload: [UInt8](repeating: 0, count: (1 << 20) + 1))
        }
        #expect(error?.code == .tooLarge)
    }

    @Test("options out of bounds are refused")
    func bounds() {
        #expect(throws: SpanQueueError.self) { try make("t", .priority(10)) }
        #expect(throws: SpanQueueError.self) { try make("t", .priority(-1)) }
        #expect(throws: SpanQueueError.self) { try make("t", .maxRetries(1001)) }
        #expect(throws: SpanQueueError.self) { try make("t", .timeout(.zero)) }
        #expect(throws: SpanQueueError.self) { try make("t", .delay(.seconds(-1))) }
        #expect(throws: SpanQueueError.self) { try make("t", .unique(for: .zero)) }
        #expect(throws: SpanQueueError.self) { try make("t", .retention(.duration(.zero))) }
        #expect(throws: SpanQueueError.self) { try make("t", .runAt(Timestamp(milliseconds: .max))) }
        #expect(throws: SpanQueueError.self) { try make("t", .retryPolicy(.constant(.hours(24 * 36500)))) }
        #expect(throws: SpanQueueError.self) { try make("t", .tags([String](repeating: "x", count: 17))) }
    }

    @Test("of two options on one thing the later counts")
    func laterCounts() throws {
        let job = try make("t", .queue("a"), .priority(1), .queue("b"))
        #expect(job.message.queue == "b")
        #expect(job.message.priority == 1)
    }

    @Test("jobs of equal content take the same lock, others and keys take others")
    func locks() throws {
        let one = try make("t", payload: [1], .unique(.untilFinished)).message.unique?.digest
        #expect(one == (try make("t", payload: [1], .unique(for: .hours(1))).message.unique?.digest))
        #expect(one != (try make("t", payload: [2], .unique(.untilFinished)).message.unique?.digest))
        #expect(one != (try make("u", payload: [1], .unique(.untilFinished)).message.unique?.digest))
        let key = try make("t", payload: [1], .unique(key: "k", .untilFinished)).message.unique?.digest
        #expect(key == (try make("u", payload: [9], .unique(key: "k", .untilStarted)).message.unique?.digest))
        #expect(key != one)
    }

    @Test("ids of our own are UUIDs of version 7 that sort by time")
    func ids() throws {
        let first = JobID.random().description
        #expect(first.utf8.count == 36)
        #expect(Array(first)[14] == "7")
        #expect("89ab".contains(Array(first)[19]))
        let ids = (0..<1000).map { _ in JobID.random().description }
        #expect(Set(ids).count == 1000)
        #expect(ids.map { $0.prefix(13) } == ids.map { $0.prefix(13) }.sorted())
    }
}

@Suite("Durations and backoffs")
struct DurationTests {
    @Test("durations are read in all units and sums, and written in the largest that fits")
    func text() {
        #expect(DurationText.parse("500ms") == .milliseconds(500))
        #expect(DurationText.parse("1h30m") == .minutes(90))
        #expect(DurationText.parse("1.5s") == .milliseconds(1500))
        #expect(DurationText.parse("7d") == .hours(168))
        for bad in ["", "5", "s", "-1s", "1x", "1s ", "1 s", "1e3s", "1..5s", "100000d"] {
            #expect(DurationText.parse(bad) == nil, "\(bad)")
        }
        for text in ["0s", "1ms", "90s", "2h", "7d", "1500ms"] {
            #expect(DurationText.parse(text).map(DurationText.format) == text)
        }
    }

    @Test("full jitter stays between nothing and its bound, which doubles up to the cap")
    func jitter() {
        let policy = RetryPolicy.standard
        #expect(policy.longestDelay(afterAttempt: 1) == .seconds(2))
        #expect(policy.longestDelay(afterAttempt: 5) == .seconds(32))
        #expect(policy.longestDelay(afterAttempt: 500) == .hours(1))
        let delays = (0..<2000).map { _ in policy.delay(afterAttempt: 5) }
        #expect(delays.allSatisfy { $0 >= .zero && $0 <= .seconds(32) })
        let mean = delays.reduce(0.0) { $0 + $1.inSeconds } / 2000
        #expect(abs(mean - 16) < 1.5)
    }

    @Test("the longest waits do not overflow")
    func overflow() {
        let policy = RetryPolicy.exponential(base: Limits.farthestDelay, cap: Limits.farthestDelay)
        #expect(policy.longestDelay(afterAttempt: .max) == Limits.farthestDelay)
        #expect(Timestamp(milliseconds: .max) + .hours(1) == Timestamp(milliseconds: .max))
        // A damaged record may hold any moments.
        #expect(Timestamp(milliseconds: .max) - Timestamp(milliseconds: .min) > .zero)
        #expect(Timestamp(milliseconds: .max).nanoseconds == .max)
    }
}

@Suite("Handlers by name and pattern")
struct HandlerRegistryTests {
    @Test("an exact name goes before a pattern, and a longer pattern before a shorter one")
    func order() throws {
        var registry = HandlerRegistry()
        for (pattern, delay) in [("*", 1), ("email:*", 2), ("email:welcome*", 3), ("email:welcome", 4)] {
            try registry.register(
                pattern, .init(retryPolicy: .constant(.seconds(delay))) { _, _ in })
        }
        func found(_ type: String) -> Duration? {
            registry.handler(for: type)?.retryPolicy?.delay(afterAttempt: 1)
        }
        #expect(found("email:welcome") == .seconds(4))
        #expect(found("email:welcome2") == .seconds(3))
        #expect(found("email:goodbye") == .seconds(2))
        #expect(found("sms") == .seconds(1))
    }

    @Test("a second handler for one pattern is refused, and a pattern out of the alphabet")
    func refusals() throws {
        var registry = HandlerRegistry()
        let handler = HandlerRegistry.Handler(retryPolicy: nil) { _, _ in }
        try registry.register("a:*", handler)
        #expect(throws: SpanQueueError.self) { try registry.register("a:*", handler) }
        #expect(throws: SpanQueueError.self) { try registry.register("a b*", handler) }
        #expect(throws: SpanQueueError.self) { try registry.register("*a", handler) }
        #expect(HandlerRegistry().handler(for: "x") == nil)
    }
}
