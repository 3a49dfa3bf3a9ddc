// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

/// One step of a run, made before the run and independent of it: its numbers are choices that the driver makes sense of in the
/// state it finds. So a step keeps its meaning, more or less, when others before it are left out, which is what shrinking does.
package struct Step: Sendable, Hashable, CustomStringConvertible {
    /// What is done.
    package enum Kind: String, Sendable, CaseIterable {
        case enqueue, enqueueAgain
        case claim, extend, settle, update, crash
        case staleExtend, staleSettle, staleUpdate
        case reclaim, sweep, popWake, passWakeUp, announce
        case pause, resume, cancel, redrive, bury, remove, bulkRemove, bulkRedrive, actOnEach
        case read, search
        /// Lets time pass.
        case advance
        /// Sets Redis' clock back.
        case setBack
        /// Remembers the state of Redis, as what it has on disk.
        case save
        /// Puts Redis back to what was remembered: it was killed and lost its last writes.
        case lose
    }

    package var kind: Kind
    package var fault: Fault
    /// Which worker, job, state or duration.
    package var choice: UInt64

    package init(kind: Kind, fault: Fault, choice: UInt64) {
        self.kind = kind
        self.fault = fault
        self.choice = choice
    }

    /// `kind fault choice`, as a file of steps holds it.
    package var description: String { "\(kind.rawValue) \(fault.rawValue) \(choice)" }

    /// Reads what `description` wrote; nil where it is something else.
    package init?(_ text: some StringProtocol) {
        let words = String(text).split(separator: Character(" ")).map(String.init)
        guard words.count == 3, let kind = Kind(rawValue: words[0]), let fault = Fault(rawValue: words[1]),
            let choice = UInt64(words[2])
        else { return nil }
        self.init(kind: kind, fault: fault, choice: choice)
    }
}
