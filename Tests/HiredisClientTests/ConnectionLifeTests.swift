// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueueLoop
import Testing

@testable import HiredisClient

@Suite("The life of a connection")
struct ConnectionLifeTests {
    private let backoff = Backoff(base: .milliseconds(20), cap: .seconds(2))

    @Test("it connects, greets, serves, and comes back with the next generation after a failure")
    func roundTrip() {
        var life = ConnectionLife(backoff: backoff)
        #expect(life.start() == .open)
        #expect(life.start() == .none)
        #expect(life.opened(epoch: 1) == .handshake)
        #expect(life.greeted() == .serve(generation: 1))
        #expect(life.failed(epoch: 1, random: 1) == .backOff(.milliseconds(20)))
        #expect(life.backoffElapsed(epoch: 1) == .open)
        #expect(life.opened(epoch: 2) == .handshake)
        #expect(life.greeted() == .serve(generation: 2))
    }

    @Test("what an earlier attempt reports late changes nothing")
    func stale() {
        var life = ConnectionLife(backoff: backoff)
        _ = life.start()
        _ = life.failed(epoch: 1, random: 0)
        _ = life.backoffElapsed(epoch: 1)
        let before = life
        #expect(life.opened(epoch: 1) == .none)
        #expect(life.failed(epoch: 1, random: 0) == .none)
        #expect(life.backoffElapsed(epoch: 1) == .none)
        #expect(life == before)
    }

    @Test("the wait doubles up to the cap, with full jitter, and starts over after a success")
    func waits() {
        var life = ConnectionLife(backoff: backoff)
        _ = life.start()
        var waits: [ConnectionLife.Action] = []
        for _ in 0..<9 {
            waits.append(life.failed(epoch: life.epoch, random: 1))
            _ = life.backoffElapsed(epoch: life.epoch)
        }
        let expected = [20, 40, 80, 160, 320, 640, 1280, 2000, 2000]
        #expect(waits == expected.map { .backOff(.milliseconds($0)) })
        #expect(life.failed(epoch: life.epoch, random: 0.25) == .backOff(.milliseconds(500)))
        _ = life.backoffElapsed(epoch: life.epoch)
        _ = life.opened(epoch: life.epoch)
        _ = life.greeted()
        #expect(life.failed(epoch: life.epoch, random: 1) == .backOff(.milliseconds(20)))
    }

    @Test("a wait never overflows", arguments: [0, 62, 63, 64, 1000, Int.max])
    func overflow(attempt: Int) {
        #expect(backoff.delay(attempt: attempt, random: 1) <= .seconds(2))
    }

    @Test("closed is forever")
    func closed() {
        var life = ConnectionLife(backoff: backoff)
        _ = life.start()
        #expect(life.close() == .shutDown)
        #expect(life.close() == .none)
        #expect(life.start() == .none)
        #expect(life.opened(epoch: 1) == .none)
        #expect(life.failed(epoch: life.epoch, random: 0) == .none)
    }

    @Test("an outage is one line at first, then one every ten seconds, and its end is one")
    func log() {
        var log = ConnectionLog()
        let start = ContinuousClock.now
        #expect(log.restored() == false)
        #expect(log.failure(at: start) == 1)
        for second in 1..<10 { #expect(log.failure(at: start + .seconds(second)) == nil) }
        #expect(log.failure(at: start + .seconds(10)) == 10)
        #expect(log.restored() == true)
        #expect(log.restored() == false)
    }

    @Test(
        "a server that is there and refuses us, as a replica does, is asked ever more seldom, until a connection lasts")
    func refusals() {
        var life = ConnectionLife(backoff: Backoff(base: .milliseconds(20), cap: .seconds(2)))
        _ = life.start()
        func refused(after served: Duration) -> ConnectionLife.Action {
            _ = life.opened(epoch: life.epoch)
            _ = life.greeted()
            let action = life.failed(epoch: life.epoch, random: 1, isRefusal: true, served: served)
            _ = life.backoffElapsed(epoch: life.epoch)
            return action
        }
        #expect(
            (0..<3).map { _ in refused(after: .milliseconds(1)) } == [20, 40, 80].map { .backOff(.milliseconds($0)) })
        for _ in 0..<10 { _ = refused(after: .zero) }
        #expect(refused(after: .zero) == .backOff(.seconds(2)))
        #expect(refused(after: .seconds(60)) == .backOff(.milliseconds(20)))
    }
}
