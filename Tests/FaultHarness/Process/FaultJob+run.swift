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

    private func spendTime(_ context: JobContext, lost: () -> Void) async throws {
        if blocks {
            usleep(UInt32(milliseconds) * 1000)
        } else if heedsNothing {
            let until = ContinuousClock.now + .milliseconds(milliseconds)
            while until > .now { await Task.detached { try? await Task.sleep(for: .milliseconds(10)) }.value }
        } else if reports {
            // So many reports, and not so much time: a process that was stopped in between still has them before it.
            var isLost = false
            for _ in 0..<(milliseconds / 20) {
                do {
                    if !isLost { try await context.progress(0.5) }
                } catch let error as SpanQueueError where error.code == .leaseLost {
                    // Goes on until the heartbeat cancels it: that is what is looked at.
                    isLost = true
                    lost()
                }
                try await Task.sleep(for: .milliseconds(20))
            }
        } else if milliseconds > 0 {
            try await Task.sleep(for: .milliseconds(milliseconds))
        }
    }
}
