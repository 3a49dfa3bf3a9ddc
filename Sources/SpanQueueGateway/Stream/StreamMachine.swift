// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import GRPCCore
package import SpanQueue
package import SpanQueueProto
import SwiftProtobuf

/// What a `Work` stream was opened for, checked.
package struct StreamTerms: Sendable {
    package var worker: String
    package var selection: QueueSelection
    package var lease: Duration
    /// Claims of earlier streams; those that no gateway made are in `foreign`.
    package var resume: [ClaimReference]
    package var foreign: [[UInt8]]
    package var client: String
    package var types: [String]
    package var concurrency: Int
    package var releasesOnDisconnect: Bool

    package static let standardLease = Duration.seconds(30)
    package static let leases = Duration.seconds(5)...Duration.seconds(3600)

    package init(_ hello: Wire.Hello) throws(GatewayError) {
        guard hello.protocol >= 1 else { throw .rules("Hello.protocol is missing: this gateway speaks 1") }
        worker = try Self.worker(hello.worker)
        selection = try Self.selection(hello.lanes, isStrict: hello.strictOrder)
        lease = try Self.lease(hello.hasLease ? hello.lease.value : nil)
        guard hello.resume.count <= StreamLimits.claims else {
            throw .rules("Hello.resume has \(hello.resume.count) claims and may have \(StreamLimits.claims)")
        }
        resume = []
        foreign = []
        for bytes in hello.resume {
            if let claim = ClaimBytes.decode(bytes) { resume.append(claim) } else { foreign.append([UInt8](bytes)) }
        }
        client = Excerpt.printable(hello.client, limit: 100)
        types = Array(hello.types.prefix(200).map { Excerpt.printable($0, limit: 128) })
        concurrency = Int(min(hello.concurrency, 10_000))
        releasesOnDisconnect = hello.onDisconnect == .release
    }

    package static func worker(_ name: String) throws(GatewayError) -> String {
        guard NameRule.queue.allows(name) else {
            throw .invalid("the worker's name is not allowed: use 1 to 128 characters of A-Z a-z 0-9 _ . -")
        }
        return name
    }

    package static func selection(_ lanes: [Wire.Lane], isStrict: Bool) throws(GatewayError) -> QueueSelection {
        guard lanes.count <= StreamLimits.lanes else {
            throw .invalid("\(lanes.count) queues: a stream serves at most \(StreamLimits.lanes)")
        }
        let selection: QueueSelection =
            isStrict
            ? .strict(lanes.map(\.queue))
            : .weighted(lanes.map { (queue: $0.queue, weight: $0.weight == 0 ? 1 : Int($0.weight)) })
        do throws(SpanQueueError) { try selection.check() } catch { throw GatewayError(error) }
        return selection
    }

    package static func lease(_ asked: Duration?) throws(GatewayError) -> Duration {
        let lease = asked ?? standardLease
        guard leases.contains(lease) else { throw .invalid("a lease of \(lease): use 5 s to 1 h") }
        return lease
    }
}

/// What a stream may cost.
package enum StreamLimits {
    /// How long a client may take to say Hello.
    package static let hello = Duration.seconds(5)
    /// Credits, jobs on their way and jobs not settled, together.
    package static let slots = 1000
    package static let lanes = 100
    /// In a heartbeat, a resume, or results in a message.
    package static let claims = 1000
    /// In a message to the client.
    package static let jobsPerMessage = 128
    package static let bytesPerMessage = 1 << 20
    /// What waits to be written to a client that does not read: beyond that nothing is claimed for it.
    package static let unwrittenBytes = 4 << 20
    /// What came from a client and is not dealt with: messages that are being looked at, results that the engine has not taken, and their
    /// bytes. Beyond that the client is not read.
    package static let messagesUnderWay = 8
    package static let unanswered = 2 * claims
    package static let unsettledBytes = messageBytes
    /// The largest message that is taken: a batch of results, or a job, with some room. The transport's own limit is twice that, since it
    /// ends a stream without a word.
    package static let messageBytes = 8 << 20
    /// Streams and calls of one connection at a time.
    package static let streamsPerConnection = 100
}

/// How a stream ends.
package enum StreamEnd: Sendable {
    case ok
    case error(GatewayError)
}

/// A `Work` stream, without its wires: it is told what comes from the client and from the gateway, and answers what is to be done.
///
/// It never claims: the gateway asks how many jobs may be claimed (``credits``), takes that many out (``reserve(_:)``) and gives back what
/// came to nothing (``refund(_:)``).
package struct StreamMachine {
    package enum Action {
        /// Look after the claims of `StreamTerms.resume`, then say ``welcomed(_:)``.
        case open(StreamTerms)
        case send(Wire.ToWorker)
        /// There may be credits for jobs now.
        case claim
        case settle([Wire.Result])
        case extend(Wire.HeartbeatRequest)
        case note(ClaimReference, Wire.Progress)
        /// Nothing more comes or goes.
        case end(StreamEnd)
    }

    private enum Phase {
        case silent
        /// Hello has come, Welcome has not gone.
        case greeted
        case open
        case ended
    }

    private struct Job {
        /// Its place in the stream; 0 for one that was brought along.
        var number: UInt64
        var isConfirmed: Bool
    }

    private var phase = Phase.silent
    /// How many jobs may still be claimed.
    package private(set) var credits = 0
    private var reserved = 0
    private var jobs: [ClaimReference: Job] = [:]
    private var sent: UInt64 = 0
    private var confirmed: UInt64 = 0
    /// Results that are not answered.
    package private(set) var unanswered = 0
    /// The client or the gateway has said that it ends.
    package private(set) var isLeaving = false
    private var isClosedByClient = false
    private var releasesOnDisconnect = false

    package init() {}

    package var hasEnded: Bool { phase == .ended }
    package var isOpen: Bool { phase == .open }
    /// The jobs that the client has, as far as this stream knows.
    package var held: [ClaimReference] { Array(jobs.keys) }
    private var slots: Int { credits + reserved + jobs.count }

    // MARK: From the client

    package mutating func received(_ message: Wire.FromWorker) -> [Action] {
        guard phase != .ended, !isClosedByClient else { return [] }
        // What a later version sends and this one does not know.
        guard let kind = message.kind else { return [] }
        if case .hello(let hello) = kind { return greet(hello) }
        guard phase != .silent else { return end(.rules("the first message must be Hello")) }
        switch kind {
        case .hello: return []
        case .credit(let credit):
            guard !isLeaving else { return [] }
            credits += min(Int(credit.add), max(0, StreamLimits.slots - slots))
            return phase == .open && credits > 0 ? [.claim] : []
        case .received(let received):
            guard received.number <= sent else {
                return end(.rules("Received.number is \(received.number), and \(sent) jobs were sent"))
            }
            confirmed = max(confirmed, received.number)
            return []
        case .results(let results):
            guard results.results.count <= StreamLimits.claims else {
                return end(.rules("\(results.results.count) results in a message: send at most \(StreamLimits.claims)"))
            }
            unanswered += results.results.count
            return results.results.isEmpty ? [] : [.settle(results.results)]
        case .heartbeat(let heartbeat):
            guard heartbeat.claims.count <= StreamLimits.claims else {
                return end(
                    .rules("\(heartbeat.claims.count) claims in a heartbeat: send at most \(StreamLimits.claims)"))
            }
            return [.extend(heartbeat)]
        case .progress(let progress):
            guard let claim = ClaimBytes.decode(progress.claim), jobs[claim] != nil else { return [] }
            return [.note(claim, progress)]
        case .goodbye:
            credits = 0
            isLeaving = true
            return leave()
        }
    }

    private mutating func greet(_ hello: Wire.Hello) -> [Action] {
        guard phase == .silent else { return end(.rules("a second Hello: open another stream")) }
        do throws(GatewayError) {
            let terms = try StreamTerms(hello)
            releasesOnDisconnect = terms.releasesOnDisconnect
            phase = .greeted
            return [.open(terms)]
        } catch {
            return end(error)
        }
    }

    /// The client sends no more.
    package mutating func closed() -> [Action] {
        guard phase != .ended else { return [] }
        guard phase != .silent else { return end(.rules("the stream was closed without Hello")) }
        isClosedByClient = true
        isLeaving = true
        credits = 0
        return leave()
    }

    /// Ends the stream where nothing is left that it is for.
    private mutating func leave() -> [Action] {
        guard phase == .open, isLeaving, reserved == 0, unanswered == 0, isClosedByClient || jobs.isEmpty else {
            return []
        }
        return finish(.ok)
    }

    private mutating func end(_ error: GatewayError) -> [Action] { finish(.error(error)) }

    private mutating func finish(_ end: StreamEnd) -> [Action] {
        guard phase != .ended else { return [] }
        phase = .ended
        credits = 0
        return [.end(end)]
    }

    // MARK: From the gateway

    /// Something has come that is not a message.
    package mutating func unreadable(_ error: GatewayError) -> [Action] { end(error) }

    /// No Hello came in time.
    package mutating func helloIsLate() -> [Action] {
        guard phase == .silent else { return [] }
        return end(GatewayError(.deadlineExceeded, "hello_timeout", "no Hello within \(StreamLimits.hello)"))
    }

    /// The client may be told: its claims were looked after.
    ///
    /// - Parameter kept: those that are this stream's now.
    package mutating func welcomed(_ welcome: Wire.Welcome, kept: [ClaimReference]) -> [Action] {
        guard phase == .greeted else { return [] }
        phase = .open
        for claim in kept { jobs[claim] = Job(number: 0, isConfirmed: true) }
        credits = min(credits, max(0, StreamLimits.slots - jobs.count))
        var message = Wire.ToWorker()
        message.welcome = welcome
        return [.send(message)] + (credits > 0 ? [.claim] : []) + leave()
    }

    /// So many jobs are being claimed.
    package mutating func reserve(_ count: Int) {
        let count = min(count, credits)
        credits -= count
        reserved += count
    }

    /// So many of them were not there.
    package mutating func refund(_ count: Int) -> [Action] {
        let count = min(count, reserved)
        reserved -= count
        guard phase == .open else { return [] }
        if !isLeaving { credits += count }
        return leave()
    }

    /// About how many bytes a job takes in a message.
    static func size(ofPayload bytes: Int) -> Int { bytes + 256 }

    /// Jobs were claimed, of those that were reserved.
    package mutating func claimed(_ claimed: [(claim: ClaimReference, job: Wire.Job)]) -> [Action] {
        reserved -= min(reserved, claimed.count)
        var actions: [Action] = []
        var message = Wire.Jobs()
        var bytes = 0
        func send() {
            guard !message.jobs.isEmpty else { return }
            var envelope = Wire.ToWorker()
            envelope.jobs = message
            actions.append(.send(envelope))
            (message, bytes) = (Wire.Jobs(), 0)
        }
        for (claim, job) in claimed {
            let size = Self.size(ofPayload: job.payload.count)
            if bytes + size > StreamLimits.bytesPerMessage { send() }
            sent += 1
            jobs[claim] = Job(number: sent, isConfirmed: false)
            message.jobs.append(job)
            message.jobs[message.jobs.count - 1].number = sent
            bytes += size
            if message.jobs.count == StreamLimits.jobsPerMessage { send() }
        }
        send()
        return actions
    }

    /// Results were answered.
    package mutating func settled(_ settled: [(claim: ClaimReference?, answer: Wire.Settlement)]) -> [Action] {
        guard phase != .ended, !settled.isEmpty else { return [] }
        unanswered -= min(unanswered, settled.count)
        var message = Wire.ToWorker()
        message.settled.settlements = settled.map(\.answer)
        for one in settled { if let claim = one.claim { jobs[claim] = nil } }
        return [.send(message)] + leave()
    }

    /// A handler is to be stopped.
    package mutating func cancel(_ claim: ClaimReference, _ cause: Wire.Cancel.Cause) -> [Action] {
        guard phase == .open, jobs[claim] != nil else { return [] }
        if cause == .leaseLost { jobs[claim] = nil }
        var message = Wire.ToWorker()
        message.cancel.claim = .init(ClaimBytes.encode(claim))
        message.cancel.cause = cause
        return [.send(message)] + leave()
    }

    /// The gateway has ended an attempt by itself.
    package mutating func forget(_ claim: ClaimReference) -> [Action] {
        guard jobs.removeValue(forKey: claim) != nil else { return [] }
        return leave()
    }

    /// A claim that another gateway made goes on in this stream.
    package mutating func adopted(_ claim: ClaimReference) {
        guard phase == .open, jobs[claim] == nil else { return }
        jobs[claim] = Job(number: 0, isConfirmed: true)
    }

    /// The gateway is about to end.
    package mutating func drain(within: Duration) -> [Action] {
        guard phase != .ended, !isLeaving || !isClosedByClient else { return [] }
        credits = 0
        isLeaving = true
        guard phase == .open else { return end(Self.ending) }
        var message = Wire.ToWorker()
        message.drain.within = .init(within)
        return [.send(message)] + leave()
    }

    /// The time to drain is over.
    package mutating func drainIsOver() -> [Action] { end(Self.ending) }

    package static let ending = GatewayError(
        .unavailable, "unavailable", "the gateway ends: open another stream", retryAfter: .milliseconds(100))

    /// A newer stream has the worker's name.
    package mutating func superseded() -> [Action] {
        end(GatewayError(.aborted, "superseded", "a newer stream has the same worker name"))
    }

    /// The wires are cut.
    package mutating func disconnected() -> [Action] { finish(.ok) }

    /// What is to be given back once it has ended: what the client never confirmed, or all where it wants that.
    package func leftovers(isCut: Bool) -> [ClaimReference] {
        jobs.compactMap { claim, job in
            let isConfirmed = job.isConfirmed || job.number <= confirmed
            // A client that closed its side without a word has gone as well.
            return !isConfirmed || (isCut || isClosedByClient) && releasesOnDisconnect ? claim : nil
        }
    }
}
