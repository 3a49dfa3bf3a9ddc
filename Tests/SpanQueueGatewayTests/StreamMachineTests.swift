// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import SpanQueue
import SpanQueueProto
import SwiftProtobuf
import Testing

@testable import SpanQueueGateway

@Suite("the machine of a stream")
struct StreamMachineTests {
    private static func hello(_ change: (inout Wire.Hello) -> Void = { _ in }) -> Wire.FromWorker {
        var message = Wire.FromWorker()
        message.hello.protocol = 1
        message.hello.worker = "w1"
        var lane = Wire.Lane()
        lane.queue = "q"
        message.hello.lanes = [lane]
        change(&message.hello)
        return message
    }

    private static func credit(_ count: UInt32) -> Wire.FromWorker {
        var message = Wire.FromWorker()
        message.credit.add = count
        return message
    }

    private static func received(_ number: UInt64) -> Wire.FromWorker {
        var message = Wire.FromWorker()
        message.received.number = number
        return message
    }

    private static func claim(_ number: Int) -> ClaimReference {
        ClaimReference(
            id: JobID(unchecked: "job-\(number)"), queue: "q", token: FencingToken(value: Int64(number), nonce: 7),
            worker: "w1")
    }

    private static func open() -> StreamMachine {
        var machine = StreamMachine()
        _ = machine.received(hello())
        _ = machine.welcomed(Wire.Welcome(), kept: [])
        return machine
    }

    /// As many jobs as are wanted, handed in one go.
    private static func hand(_ count: Int, to machine: inout StreamMachine, bytes: Int = 0) -> [StreamMachine.Action] {
        machine.reserve(count)
        return machine.claimed(
            (0..<count).map { number in
                var job = Wire.Job()
                job.payload = Data(repeating: 0, count: bytes)
                return (claim(number), job)
            })
    }

    /// The reason for which it ended; "" for none.
    private static func end(_ actions: [StreamMachine.Action]) -> String? {
        for case .end(let end) in actions {
            if case .error(let error) = end { return error.reason }
            return ""
        }
        return nil
    }

    @Test("anything before Hello ends the stream", arguments: [credit(1), received(0)])
    func missingHello(_ message: Wire.FromWorker) {
        var machine = StreamMachine()
        #expect(Self.end(machine.received(message)) == "protocol")
        #expect(machine.hasEnded)
        #expect(machine.received(Self.hello()).isEmpty)
    }

    @Test("a Hello that is late, missing at the close, or said twice ends the stream")
    func helloRules() {
        var late = StreamMachine()
        #expect(Self.end(late.helloIsLate()) == "hello_timeout")
        var closed = StreamMachine()
        #expect(Self.end(closed.closed()) == "protocol")
        var twice = Self.open()
        #expect(Self.end(twice.received(Self.hello())) == "protocol")
        // And in time it is not late.
        var open = Self.open()
        #expect(open.helloIsLate().isEmpty)
    }

    @Test("a Hello out of its bounds is refused with a reason")
    func badHello() {
        func reason(_ change: (inout Wire.Hello) -> Void) -> String? {
            var machine = StreamMachine()
            return Self.end(machine.received(Self.hello(change)))
        }
        #expect(reason { $0.protocol = 0 } == "protocol")
        #expect(reason { $0.worker = "" } == "invalid_argument")
        #expect(reason { $0.worker = "a b" } == "invalid_argument")
        #expect(reason { $0.lanes = [] } == "invalid_argument")
        #expect(reason { $0.lanes[0].queue = "a{b}" } == "invalid_argument")
        #expect(reason { $0.lanes[0].weight = 1001 } == "invalid_argument")
        #expect(reason { $0.lanes.append($0.lanes[0]) } == "invalid_argument")
        #expect(reason { $0.lease = .init(.seconds(4)) } == "invalid_argument")
        #expect(reason { $0.lease = .init(.seconds(3601)) } == "invalid_argument")
        #expect(reason { $0.resume = Array(repeating: Data(), count: 1001) } == "protocol")
        #expect(reason { $0.protocol = 99 } == nil)
    }

    @Test("credits before Welcome count from then on, and are capped with what the client holds")
    func credits() {
        var machine = StreamMachine()
        _ = machine.received(Self.hello())
        #expect(machine.received(Self.credit(7)).isEmpty)
        #expect(machine.credits == 7 && !machine.isOpen)
        let actions = machine.welcomed(Wire.Welcome(), kept: [Self.claim(1), Self.claim(2)])
        #expect(actions.contains { if case .claim = $0 { true } else { false } })
        _ = machine.received(Self.credit(UInt32.max))
        #expect(machine.credits == StreamLimits.slots - 2)
        machine.reserve(400)
        #expect(machine.credits == StreamLimits.slots - 402)
        _ = machine.received(Self.credit(500))
        #expect(machine.credits == StreamLimits.slots - 402)
        _ = machine.refund(400)
        #expect(machine.credits == StreamLimits.slots - 2)
    }

    @Test("jobs go out in messages of 128, or of a mebibyte, with numbers without gaps")
    func messages() {
        var machine = Self.open()
        _ = machine.received(Self.credit(300))
        var sizes: [Int] = []
        var numbers: [UInt64] = []
        for case .send(let message) in Self.hand(300, to: &machine) {
            sizes.append(message.jobs.jobs.count)
            numbers += message.jobs.jobs.map(\.number)
        }
        #expect(sizes == [128, 128, 44])
        #expect(numbers == Array(1...300))
        var large = Self.open()
        _ = large.received(Self.credit(5))
        var counts: [Int] = []
        for case .send(let message) in Self.hand(5, to: &large, bytes: 400_000) {
            counts.append(message.jobs.jobs.count)
        }
        #expect(counts == [2, 2, 1])
    }

    @Test("what the client never confirmed is left over when the stream breaks; with RELEASE all of it is")
    func leftovers() {
        var machine = Self.open()
        _ = machine.received(Self.credit(4))
        _ = Self.hand(4, to: &machine)
        #expect(Self.end(machine.received(Self.received(5))) == "protocol")
        machine = Self.open()
        _ = machine.received(Self.credit(4))
        _ = Self.hand(4, to: &machine)
        _ = machine.received(Self.received(2))
        #expect(Self.end(machine.disconnected()) == "")
        #expect(Set(machine.leftovers(isCut: true)) == [Self.claim(2), Self.claim(3)])
        var dying = StreamMachine()
        _ = dying.received(Self.hello { $0.onDisconnect = .release })
        _ = dying.welcomed(Wire.Welcome(), kept: [Self.claim(9)])
        #expect(dying.leftovers(isCut: true) == [Self.claim(9)])
        #expect(dying.leftovers(isCut: false).isEmpty)
        // To close one's side with jobs is to go as well.
        _ = dying.closed()
        #expect(dying.leftovers(isCut: false) == [Self.claim(9)])
    }

    @Test("Goodbye ends the stream once all is settled and answered, and not before")
    func goodbye() {
        var machine = Self.open()
        _ = machine.received(Self.credit(2))
        _ = Self.hand(1, to: &machine)
        var bye = Wire.FromWorker()
        bye.goodbye = .init()
        #expect(machine.received(bye).isEmpty && machine.credits == 0)
        #expect(machine.received(Self.credit(5)).isEmpty && machine.credits == 0)
        var results = Wire.FromWorker()
        var result = Wire.Result()
        result.claim = Data(ClaimBytes.encode(Self.claim(0)))
        result.complete = .init()
        results.results.results = [result]
        #expect(Self.end(machine.received(results)) == nil)
        #expect(machine.unanswered == 1)
        #expect(Self.end(machine.settled([(Self.claim(0), Wire.Settlement())])) == "")
    }

    @Test("a drain is told, leaves no credits, and ends idle streams at once")
    func drain() {
        var idle = Self.open()
        _ = idle.received(Self.credit(3))
        let actions = idle.drain(within: .seconds(9))
        guard case .send(let message)? = actions.first else { return #expect(Bool(false), "nothing was sent") }
        #expect(message.drain.within.seconds == 9)
        #expect(Self.end(actions) == "")
        var busy = Self.open()
        _ = busy.received(Self.credit(3))
        _ = Self.hand(1, to: &busy)
        #expect(Self.end(busy.drain(within: .seconds(9))) == nil)
        #expect(busy.credits == 0)
        #expect(Self.end(busy.drainIsOver()) == "unavailable")
        var silent = StreamMachine()
        #expect(Self.end(silent.drain(within: .seconds(9))) == "unavailable")
    }

    @Test("a lost lease is told once, and its job is the stream's no more")
    func cancel() {
        var machine = Self.open()
        _ = machine.received(Self.credit(1))
        _ = Self.hand(1, to: &machine)
        #expect(machine.cancel(Self.claim(0), .requested).count == 1)
        #expect(machine.cancel(Self.claim(0), .leaseLost).count == 1)
        #expect(machine.cancel(Self.claim(0), .leaseLost).isEmpty)
        #expect(machine.held.isEmpty)
    }

    @Test("no bytes make it fall, count credits below zero, or speak after its end")
    func fuzz() throws {
        var random = SystemRandomNumberGenerator()
        let seed = UInt64.random(in: .min ... .max, using: &random)
        var generator = Splitmix(state: seed)
        let seeds = try [
            Self.hello(), Self.hello { $0.resume = [Data(ClaimBytes.encode(Self.claim(1))), Data([1, 2])] },
            Self.credit(10), Self.received(1),
            Wire.FromWorker.with { $0.results.results = [Wire.Result.with { $0.claim = Data([1]) }] },
            Wire.FromWorker.with { $0.heartbeat.claims = [Data(ClaimBytes.encode(Self.claim(1)))] },
            Wire.FromWorker.with { $0.progress.fraction = .nan }, Wire.FromWorker.with { $0.goodbye = .init() },
        ].map { [UInt8](try $0.serializedData()) }
        let rounds = Int(ProcessInfo.processInfo.environment["SPANQ_FUZZ_ROUNDS"] ?? "") ?? 3000
        for _ in 0..<rounds {
            var machine = StreamMachine()
            for step in 0..<12 {
                var bytes =
                    step == 0 && Bool.random(using: &generator)
                    ? seeds[0] : seeds.randomElement(using: &generator) ?? []
                if Bool.random(using: &generator), !bytes.isEmpty {
                    for _ in 0..<Int.random(in: 1...4, using: &generator) {
                        bytes[Int.random(in: 0..<bytes.count, using: &generator)] = .random(
                            in: 0...255, using: &generator)
                    }
                }
                if Int.random(in: 0..<8, using: &generator) == 0 { bytes.removeLast(bytes.count / 2) }
                let hadEnded = machine.hasEnded
                var actions: [StreamMachine.Action] = []
                if let message = try? Wire.FromWorker(serializedBytes: bytes) { actions = machine.received(message) }
                if actions.contains(where: { if case .open = $0 { true } else { false } }) {
                    actions += machine.welcomed(Wire.Welcome(), kept: [])
                }
                if machine.isOpen, machine.credits > 0 {
                    let count = Int.random(in: 1...machine.credits, using: &generator) % 5
                    actions += Self.hand(count, to: &machine)
                }
                #expect(machine.credits >= 0 && machine.unanswered >= 0, "seed \(seed)")
                #expect(machine.held.count + machine.credits <= StreamLimits.slots, "seed \(seed)")
                if hadEnded { #expect(actions.isEmpty, "seed \(seed)") }
            }
            _ = machine.disconnected()
            #expect(machine.hasEnded)
        }
    }
}

/// SplitMix64, for runs that can be repeated.
private struct Splitmix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ word >> 30) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ word >> 27) &* 0x94D0_49BB_1331_11EB
        return word ^ word >> 31
    }
}

@Suite("the bytes of a claim")
struct ClaimBytesTests {
    @Test("come back as they were, up to the longest names")
    func roundTrip() {
        for length in [1, 17, 128] {
            let claim = ClaimReference(
                id: JobID(unchecked: String(repeating: "i", count: length)),
                queue: String(repeating: "q", count: length),
                token: FencingToken(value: .max - 5, nonce: .max), worker: String(repeating: "w", count: length))
            let bytes = ClaimBytes.encode(claim)
            #expect(bytes.count <= ClaimBytes.most)
            #expect(ClaimBytes.decode(bytes) == claim)
        }
    }

    @Test("are refused where anything is missing, too much, or not allowed in a name")
    func refused() {
        let claim = ClaimReference(
            id: JobID(unchecked: "id"), queue: "q", token: FencingToken(value: 1, nonce: 2), worker: "w")
        let bytes = ClaimBytes.encode(claim)
        for length in 0..<bytes.count { #expect(ClaimBytes.decode(bytes.prefix(length)) == nil) }
        #expect(ClaimBytes.decode(bytes + [0]) == nil)
        #expect(ClaimBytes.decode([2] + bytes.dropFirst()) == nil)
        for name in ["{q}", "", "q\u{0}", "ö"] {
            let other = ClaimReference(
                id: claim.id, queue: name, token: claim.token, worker: claim.worker)
            #expect(ClaimBytes.decode(ClaimBytes.encode(other)) == nil)
        }
        var broken = bytes
        broken[broken.count - 1] = 0xFF
        #expect(ClaimBytes.decode(broken) == nil)
    }
}
