// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import DequeModule
import Foundation
import SpanQueue
import SpanQueueLoop
import SpanQueueProto

/// A stream in the core: the machine, and what waits to be written.
///
/// `@unchecked Sendable`: nothing but the core has one, whose code runs on one thread; closures that carry it there run on that too.
final class WorkStream: @unchecked Sendable {
    let number: Int
    let caller: GatewayCaller
    var machine = StreamMachine()
    var terms: StreamTerms?
    var selector: QueueSelector?
    var end: StreamEnd?
    /// Whether the wires were cut, or the stream ended in another way than that.
    var isCut = false
    var isClaiming = false
    /// The queues in whose line of idle streams it stands.
    var idleIn: Set<String> = []
    var announcedAt: ContinuousClock.Instant?
    let startedAt = Timestamp(Date())
    var helloTimer: LoopTimer?

    private var waiting: Deque<Wire.ToWorker> = []
    private var sizes: Deque<Int> = []
    /// What waits, roughly, in bytes.
    private(set) var unwrittenBytes = 0
    private var writer: CheckedContinuation<Void, Never>?
    /// Results and heartbeats that are being dealt with, by messages.
    var messagesUnderWay = 0
    /// What results have in bytes that the engine has not taken.
    var unsettledBytes = 0
    private var reader: CheckedContinuation<Void, Never>?
    private var enders: [CheckedContinuation<Void, Never>] = []

    init(_ number: Int, _ caller: GatewayCaller) {
        self.number = number
        self.caller = caller
    }

    /// Whether jobs may be claimed for it.
    var wantsJobs: Bool {
        machine.isOpen && machine.credits > 0 && unwrittenBytes < StreamLimits.unwrittenBytes
    }

    func write(_ message: Wire.ToWorker) {
        let size = Self.size(of: message)
        waiting.append(message)
        sizes.append(size)
        unwrittenBytes += size
        resume()
    }

    /// Roughly, in bytes.
    private static func size(of message: Wire.ToWorker) -> Int {
        switch message.kind {
        case .jobs(let jobs)?: jobs.jobs.reduce(64) { $0 + $1.payload.count + 256 }
        case .settled(let settled)?: settled.settlements.reduce(64) { $0 + $1.claim.count + 128 }
        case .heartbeat(let reply)?: reply.failed.reduce(64) { $0 + $1.count + 16 }
        case .cancel(let cancel)?: 64 + cancel.claim.count
        case .welcome(let welcome)?: welcome.lost.reduce(128) { $0 + $1.count + 16 }
        case .drain?, nil: 64
        }
    }

    /// Whether more of what the client says can be taken: it reads itself, and what it said is dealt with, but for some.
    var hasRoom: Bool {
        end != nil
            || unwrittenBytes < StreamLimits.unwrittenBytes && messagesUnderWay < StreamLimits.messagesUnderWay
                && machine.unanswered < StreamLimits.unanswered && unsettledBytes < StreamLimits.unsettledBytes
    }

    /// Waits until there is room. While nobody reads, HTTP/2 has the client stop.
    func room() async {
        while !hasRoom { await withCheckedContinuation { reader = $0 } }
    }

    /// There may be room by now.
    func readOn() {
        guard let reader, hasRoom else { return }
        self.reader = nil
        reader.resume()
    }

    func finish(_ end: StreamEnd) {
        guard self.end == nil else { return }
        self.end = end
        resume()
        readOn()
        for ender in enders { ender.resume() }
        enders = []
    }

    private func resume() {
        writer?.resume()
        writer = nil
    }

    /// What is to be written next, some messages at a time; nil when there is no more to come.
    func output() async -> [Wire.ToWorker]? {
        while waiting.isEmpty {
            guard end == nil else { return nil }
            await withCheckedContinuation { writer = $0 }
        }
        // Those that lie there are written together; what is large goes alone.
        var batch: [Wire.ToWorker] = []
        var bytes = 0
        while let next = waiting.first, batch.isEmpty || bytes + sizes[0] <= StreamLimits.bytesPerMessage {
            bytes += sizes[0]
            batch.append(next)
            waiting.removeFirst()
            sizes.removeFirst()
        }
        unwrittenBytes -= bytes
        return batch
    }

    func ended() async {
        guard end == nil else { return }
        await withCheckedContinuation { enders.append($0) }
    }
}

/// A claim that this process knows: it made it, or has read it from the engine.
///
/// `@unchecked Sendable`: `GatewayCore` makes it and nothing else has it, and all code of the core, its timers too, runs on one thread.
final class HeldClaim: @unchecked Sendable {
    let claim: ClaimedJob
    /// When it lapses unless it is extended.
    var lapsesAt: ContinuousClock.Instant
    /// The stream that has it; nil for one whose stream is gone, and for unary calls.
    var stream: Int?
    var isCancelled = false
    var progress: JobProgress?
    var isReported = true
    /// Ends the attempt when it has run for its timeout.
    var timer: LoopTimer?
    /// When that is; nil where it has no timeout.
    var timesOutAt: ContinuousClock.Instant?
    /// Its end is on the way to the engine.
    var isSettling = false

    init(_ claim: ClaimedJob, lapsesAt: ContinuousClock.Instant, stream: Int?) {
        self.claim = claim
        self.lapsesAt = lapsesAt
        self.stream = stream
    }
}
