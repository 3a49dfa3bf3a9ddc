import Foundation
package import SpanQueue

extension FaultJob {
    /// The handler: notes what it begins and how it ends.
    package func run(_ context: JobContext, _ history: HistoryFile) async throws {
        func note(_ what: HistoryLine.What) {
            history.note(what, context.id.description, attempt: context.attempt, token: context.token.value)
        }
        note(.began)
        if dies { kill(getpid(), SIGKILL) }
        do {
            try await spendTime(context, lost: { note(.progressLost) })
        } catch {
            note(.cancelled)
            throw error
        }
        if context.attempt <= failures {
            note(.threw)
            throw JobError.retry(after: .milliseconds(20), "failing as asked")
        }
        note(.ended)
    }

    /// Reports progress, also where this task is cancelled, and says whether it was answered as lost.
    private func isReportLost(_ context: JobContext) async throws -> Bool {
        let report = Task.detached { try await context.progress(0.5) }
        do {
            try await report.value
            return false
        } catch let error as SpanQueueError where error.code == .leaseLost {
            return true
        }
    }

    private func spendTime(_ context: JobContext, lost: () -> Void) async throws {
        if blocks {
            usleep(UInt32(milliseconds) * 1000)
        } else if heedsNothing {
            let until = ContinuousClock.now + .milliseconds(milliseconds)
            while until > .now { await Task.detached { try? await Task.sleep(for: .milliseconds(10)) }.value }
        } else if reports {
            // So many reports, and not so much time: a process that was stopped in between still has them before it. Once they are
            // lost it goes on until the heartbeat cancels it; where that was first, one more report comes after it.
            var isLost = false
            func report() async throws {
                guard !isLost, try await isReportLost(context) else { return }
                isLost = true
                lost()
            }
            for _ in 0..<(milliseconds / 20) {
                try await report()
                do {
                    try await Task.sleep(for: .milliseconds(20))
                } catch {
                    try await report()
                    throw error
                }
            }
        } else if milliseconds > 0 {
            try await Task.sleep(for: .milliseconds(milliseconds))
        }
    }
}
