// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

package import SpanQueue
import SpanQueueTelemetry
import Synchronization

/// Takes orders for actions on many jobs, has them done one beside the other, and tells how far they have come. All of it is in this
/// process' memory: what begins and ends is in the records of operations.
package final class BulkDesk: Sendable {
    /// How long a preview can be turned into a deed.
    package static let tokenLifetime = Duration.seconds(300)
    /// How many are done at once.
    package static let mostRunning = 4
    /// How many previews, and how many that have ended, are kept.
    private static let mostKept = 100

    fileprivate struct Offer {
        /// Sees what the principal may see.
        let admin: Admin
        let preview: BulkPreview
        let principal: Principal
        let until: ContinuousClock.Instant
    }

    /// One that was begun.
    fileprivate struct Run {
        let id: String
        let admin: Admin
        let preview: BulkPreview
        let principal: Principal
        let progress = BulkProgress()
        let startedAt: Timestamp
        var endedAt: Timestamp?
        var error: String?
    }

    fileprivate struct State {
        var offers: [String: Offer] = [:]
        /// In the order in which they began.
        var runs: [Run] = []
    }

    private let state = Mutex(State())
    private let begun: AsyncStream<String>
    private let begin: AsyncStream<String>.Continuation

    package init() {
        (begun, begin) = AsyncStream.makeStream()
    }

    /// Has done what is begun, until its task is cancelled: what is under way ends with its next step then.
    package func run() async {
        await withDiscardingTaskGroup { group in
            for await id in begun { group.addTask { await self.perform(id) } }
        }
    }

    // MARK: Orders

    /// What an action would be done to, with a token by which it is begun.
    ///
    /// - Throws: as ``Admin/order(_:_:)``; `AdminError` where the principal may not do it.
    package func preview(
        _ action: JobAction, _ filter: JobFilter, of admin: Admin, as principal: Principal
    ) async throws -> BulkPreviewView {
        let admin = admin.visible(to: principal)
        let order = try await admin.order(action, filter)
        try principal.require(Operation.bulk(order).scope)
        let preview = try await admin.preview(order)
        let token = Self.random()
        let until = ContinuousClock.now + Self.tokenLifetime
        state.withLock { state in
            state.offers = state.offers.filter { $0.value.until > .now }
            while state.offers.count >= Self.mostKept,
                let oldest = state.offers.min(by: { $0.value.until < $1.value.until })
            {
                state.offers[oldest.key] = nil
            }
            state.offers[token] = Offer(admin: admin, preview: preview, principal: principal, until: until)
        }
        return BulkPreviewView(preview, token: token, expiresAt: (Self.now + Self.tokenLifetime).description)
    }

    /// Begins what was previewed. A token serves once.
    ///
    /// - Throws: `.notFound` for a token that is not known any more, or that somebody else was given; `.overloaded` where too many are
    ///   under way; `AdminError`.
    package func start(_ token: String, as principal: Principal) throws -> BulkActionView {
        try state.withLock { state in
            guard let offer = state.offers[token], offer.until > .now, offer.principal.name == principal.name else {
                throw SpanQueueError(.notFound, "no such token: it serves once, for five minutes; preview again")
            }
            try principal.require(Operation.bulk(offer.preview.order).scope)
            guard state.runs.count(where: { $0.endedAt == nil }) < Self.mostRunning else {
                throw SpanQueueError(
                    .overloaded, "\(Self.mostRunning) actions on many jobs are under way: wait for one")
            }
            state.offers[token] = nil
            let run = Run(
                id: Self.random(), admin: offer.admin, preview: offer.preview, principal: principal, startedAt: Self.now
            )
            state.runs.append(run)
            while state.runs.count > Self.mostKept, let old = state.runs.firstIndex(where: { $0.endedAt != nil }) {
                state.runs.remove(at: old)
            }
            begin.yield(run.id)
            return run.view
        }
    }

    /// One that was begun. Who may see some of the queues only sees their own.
    ///
    /// - Throws: `.notFound`.
    package func action(_ id: String, as principal: Principal) throws -> BulkActionView {
        try state.withLock { try $0.run(id, as: principal).view }
    }

    /// All that were begun and are remembered, the latest first.
    package func actions(as principal: Principal) -> BulkActionsView {
        BulkActionsView(
            actions: state.withLock { $0.runs.reversed().filter { $0.isVisible(to: principal) }.map(\.view) })
    }

    /// Lets one do no further step.
    ///
    /// - Throws: `.notFound`; `.invalidState` where it has ended.
    package func stop(_ id: String, as principal: Principal) throws -> BulkActionView {
        try state.withLock { state in
            let run = try state.run(id, as: principal)
            guard run.endedAt == nil else { throw SpanQueueError(.invalidState, "it has ended already") }
            run.progress.stop()
            return run.view
        }
    }

    private func perform(_ id: String) async {
        guard let run = try? state.withLock({ try $0.run(id, as: nil) }) else { return }
        var problem: String?
        do {
            _ = try await run.admin.run(.bulk(run.preview.order), as: run.principal, progress: run.progress)
        } catch is CancellationError {
            problem = "the server ended"
        } catch {
            problem = Excerpt.printable("\(error)", limit: 400)
        }
        state.withLock { state in
            guard let index = state.runs.firstIndex(where: { $0.id == id }) else { return }
            state.runs[index].endedAt = Self.now
            state.runs[index].error = problem
        }
    }

    /// By this machine's clock.
    private static var now: Timestamp { Timestamp(milliseconds: Int64(SystemClock.now() / 1_000_000)) }

    private static func random() -> String {
        (0..<2).map { _ in ErrorFingerprint.text(UInt64.random(in: 0...UInt64.max)) }.joined()
    }
}

extension BulkDesk.State {
    /// - Parameter principal: nil for the desk itself.
    fileprivate func run(_ id: String, as principal: Principal?) throws(SpanQueueError) -> BulkDesk.Run {
        guard let run = runs.first(where: { $0.id == id && principal.map($0.isVisible) ?? true }) else {
            throw SpanQueueError(.notFound, "no such action: this server remembers the latest ones that it began")
        }
        return run
    }
}

extension BulkDesk.Run {
    fileprivate func isVisible(to principal: Principal) -> Bool {
        principal.queues.isAll || principal.name == self.principal.name
    }

    fileprivate var view: BulkActionView {
        let word =
            if endedAt == nil {
                progress.isStopped ? "stopping" : "running"
            } else if error != nil {
                "failed"
            } else {
                progress.isStopped ? "stopped" : "done"
            }
        return BulkActionView(
            id: id, action: preview.order.action.word, filter: preview.order.filter.description, by: principal.name,
            state: word, startedAt: startedAt.description, endedAt: endedAt?.description, expected: preview.count,
            expectedExact: preview.isExact, counts: BulkCountsView(progress.counts), error: error)
    }
}

/// An action on many jobs that was begun.
package struct BulkActionView: Encodable, Sendable {
    package let id: String
    package let action: String
    package let filter: String
    package let by: String
    /// `running`, `stopping`, `done`, `stopped` or `failed`.
    package let state: String
    package let startedAt: String
    @OrNull package var endedAt: String?
    /// How many jobs the preview found, or at least.
    package let expected: Int
    package let expectedExact: Bool
    package let counts: BulkCountsView
    @OrNull package var error: String?

    private enum CodingKeys: String, CodingKey {
        case id, action, filter, by, state, expected, counts, error
        case startedAt = "started_at"
        case endedAt = "ended_at"
        case expectedExact = "expected_exact"
    }

    init(
        id: String, action: String, filter: String, by: String, state: String, startedAt: String, endedAt: String?,
        expected: Int, expectedExact: Bool, counts: BulkCountsView, error: String?
    ) {
        self.id = id
        self.action = action
        self.filter = filter
        self.by = by
        self.state = state
        self.startedAt = startedAt
        self.expected = expected
        self.expectedExact = expectedExact
        self.counts = counts
        _endedAt = OrNull(wrappedValue: endedAt)
        _error = OrNull(wrappedValue: error)
    }
}

/// Actions on many jobs, the latest first.
package struct BulkActionsView: Encodable, Sendable {
    package let actions: [BulkActionView]
}
