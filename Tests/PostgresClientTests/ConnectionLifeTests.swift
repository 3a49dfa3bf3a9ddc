// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueueLoop
import Testing

@testable import PostgresClient

@Suite("life of a connection")
struct ConnectionLifeTests {
    private let backoff = Backoff(base: .milliseconds(100), cap: .seconds(2))

    @Test("it connects once, serves, and connects again after a while")
    func life() {
        var life = ConnectionLife(backoff: backoff)
        #expect(life.start() == .open)
        #expect(life.start() == .none)
        #expect(life.opened(epoch: 1) == .serve(generation: 1))
        #expect(life.failed(epoch: 1, random: 1) == .backOff(.milliseconds(100)))
        #expect(life.failed(epoch: 1, random: 1) == .none)
        #expect(life.backoffElapsed(epoch: 1) == .open)
        #expect(life.opened(epoch: 2) == .serve(generation: 2))
    }

    @Test("news of an earlier attempt changes nothing")
    func late() {
        var life = ConnectionLife(backoff: backoff)
        _ = life.start()
        _ = life.failed(epoch: 1, random: 0)
        _ = life.backoffElapsed(epoch: 1)
        let before = life
        #expect(life.opened(epoch: 1) == .none)
        #expect(life.failed(epoch: 1, random: 0) == .none)
        #expect(life == before)
    }

    @Test("the wait doubles with each failure up to a cap, and begins anew after a connection that lasted")
    func waits() {
        var life = ConnectionLife(backoff: backoff)
        _ = life.start()
        for (attempt, wait) in [(1, 100), (2, 200), (3, 400), (4, 800), (5, 1600), (6, 2000), (7, 2000)]
            as [(Int, Int64)]
        {
            #expect(life.failed(epoch: attempt, random: 1) == .backOff(.milliseconds(wait)))
            #expect(life.backoffElapsed(epoch: attempt) == .open)
        }
        _ = life.opened(epoch: 8)
        #expect(life.failed(epoch: 8, random: 1, served: .seconds(1)) == .backOff(.seconds(2)))
        _ = life.backoffElapsed(epoch: 8)
        _ = life.opened(epoch: 9)
        #expect(life.failed(epoch: 9, random: 1, served: .seconds(3)) == .backOff(.milliseconds(100)))
    }

    @Test("a closed one stays closed")
    func closed() {
        var life = ConnectionLife(backoff: backoff)
        _ = life.start()
        #expect(life.close() == .shutDown)
        #expect(life.close() == .none)
        #expect(life.opened(epoch: 1) == .none)
        #expect(life.start() == .none)
    }
}
