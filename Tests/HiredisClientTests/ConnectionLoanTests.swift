// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import Testing

@testable import HiredisClient

@Suite("Who may touch a connection", .timeLimit(.minutes(2)))
struct ConnectionLoanTests {
    @Test("nobody takes what is the loop's, and one caller takes what is lent")
    func taking() {
        let loan = ConnectionLoan()
        #expect(!loan.tryTake())
        loan.lend()
        #expect(loan.tryTake())
        #expect(!loan.tryTake())
        #expect(loan.giveBack())
        #expect(loan.tryTake())
    }

    @Test("what is free is the loop's as soon as it wants it")
    func reclaiming() {
        let loan = ConnectionLoan()
        loan.lend()
        #expect(loan.reclaim())
        #expect(!loan.tryTake())
        loan.lend()
        #expect(loan.tryTake())
    }

    @Test("what is taken stays the caller's until he tells the loop, which wants it")
    func wanting() {
        let loan = ConnectionLoan()
        loan.lend()
        #expect(loan.tryTake())
        #expect(!loan.reclaim())
        #expect(!loan.reclaim())
        #expect(!loan.giveBack())
        #expect(!loan.tryTake())
        loan.returned()
        #expect(!loan.tryTake())
        loan.lend()
        #expect(loan.tryTake())
    }

    @Test("while something is on its way to the loop nobody takes it, whoever lends or gives back meanwhile")
    func announcing() {
        let loan = ConnectionLoan()
        loan.announce()
        loan.lend()
        #expect(!loan.tryTake())
        loan.announce()
        loan.arrived()
        #expect(!loan.tryTake())
        loan.arrived()
        #expect(loan.tryTake())
        loan.announce()
        #expect(loan.giveBack())
        #expect(!loan.tryTake())
        #expect(loan.reclaim())
        loan.arrived()
        #expect(!loan.tryTake())
    }

    @Test("it is taken while a caller has the connection, also while the loop waits for it")
    func taken() {
        let loan = ConnectionLoan()
        #expect(!loan.isTaken)
        loan.announce()
        loan.arrived()
        loan.lend()
        #expect(!loan.isTaken)
        #expect(loan.tryTake())
        #expect(loan.isTaken)
        loan.announce()
        #expect(!loan.reclaim())
        #expect(loan.isTaken)
        loan.returned()
        #expect(!loan.isTaken)
    }

    /// Counted without a lock by whoever has the connection: the thread sanitizer sees it if two have.
    private final class Shared: @unchecked Sendable {
        let loan = ConnectionLoan()
        var count = 0
    }

    @Test("of callers and a loop that all want it at once, one has it at a time")
    func exclusion() async {
        let shared = Shared()
        shared.loan.lend()
        let (callers, rounds) = (4, 20_000)
        let taken = await withTaskGroup(of: Int.self) { group in
            for _ in 0..<callers {
                group.addTask {
                    var taken = 0
                    for _ in 0..<rounds where shared.loan.tryTake() {
                        shared.count += 1
                        taken += 1
                        if !shared.loan.giveBack() {
                            // This caller tells the loop; there is none here, so it acts for it.
                            shared.count += 1
                            taken += 1
                            shared.loan.returned()
                            shared.loan.lend()
                        }
                    }
                    return taken
                }
            }
            group.addTask {
                var taken = 0
                for _ in 0..<rounds where shared.loan.reclaim() {
                    shared.count += 1
                    taken += 1
                    shared.loan.lend()
                }
                return taken
            }
            return await group.reduce(0, +)
        }
        #expect(taken > 0)
        #expect(shared.loan.tryTake())
        #expect(shared.count == taken)
    }
}
