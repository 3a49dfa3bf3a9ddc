// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Testing

@testable import SpanQueueServer

@Suite("Who has to go when there are too many connections, or too much waits to be read")
struct ConnectionTableTests {
    @Test("a new connection takes the place of the one that has waited longest for a request")
    func newest() {
        var table = ConnectionTable(maximumConnections: 3, maximumPendingBytes: 100)
        for id in 1...3 as ClosedRange<UInt64> { #expect(table.open(id).isEmpty) }
        table.begin(1)
        #expect(table.open(4) == [2])
        // 3 waits longer than 4, and 1 is being answered.
        #expect(table.open(5) == [3])
        table.begin(4)
        table.begin(5)
        // All are being answered: the first goes.
        #expect(table.open(6) == [1])
        #expect(table.count == 3)
    }

    @Test("an answer that does not fit makes the slowest readers go, and may alone be larger than all may be")
    func bytes() {
        var table = ConnectionTable(maximumConnections: 9, maximumPendingBytes: 100)
        for id in 1...4 as ClosedRange<UInt64> {
            _ = table.open(id)
            table.begin(id)
        }
        #expect(table.add(40, to: 1).isEmpty)
        #expect(table.add(40, to: 2).isEmpty)
        #expect(table.finish(1, bytes: 40, isLast: true) == false)
        #expect(table.add(60, to: 3).isEmpty)
        #expect(table.add(50, to: 4) == [2, 3])
        #expect(table.pendingBytes == 50)
        table.close(3)
        table.close(4)
        #expect(table.pendingBytes == 0)
        #expect(table.add(1_000, to: 1).isEmpty)
        #expect(table.add(1_000, to: 99).isEmpty)
    }

    @Test("closing lets answers end and nothing begin")
    func closing() {
        var table = ConnectionTable(maximumConnections: 9, maximumPendingBytes: 100)
        _ = table.open(1)
        _ = table.open(2)
        table.begin(2)
        #expect(table.beginClosing() == [1])
        #expect(table.open(3) == [3])
        #expect(table.finish(2, bytes: 0, isLast: false) == false)
        let isToClose = table.finish(2, bytes: 0, isLast: true)
        #expect(isToClose)
    }
}
