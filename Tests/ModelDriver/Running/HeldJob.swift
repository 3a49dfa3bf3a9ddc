// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueue
import SpanQueueTesting

/// A job that a worker believes to hold.
struct HeldJob {
    let claimed: ClaimedJob
    /// What the attempt has reported last.
    var progress: JobProgress?
    /// What it leaves where it completes the job.
    var result: [UInt8]?
    /// The end that was decided and not answered yet: it is sent until it is.
    var settlement: Settlement?
    var cancelRequested = false

    init(_ claimed: ClaimedJob) {
        self.claimed = claimed
    }

    var reference: ClaimReference { claimed.reference }

    /// Ends the attempt as a worker does.
    func settlement(_ verdict: Verdict, error: String? = nil, errorType: String? = nil) -> Settlement {
        Settlement(
            claimed, verdict,
            AttemptReport(
                errorType: errorType, error: error, fingerprint: error.map { $0 == "never" ? 7 : 8 },
                progress: progress, result: verdict == .complete ? result : nil))
    }

    /// Decides how the attempt ends.
    func decide(_ generator: inout SeededGenerator) -> Settlement {
        if cancelRequested, generator.once(in: 2) { return settlement(.cancel(reason: "cancelled while it ran")) }
        switch generator.below(20) {
        case 0..<8:
            if claimed.message.payload.count % 2 == 0 { return settlement(.complete) }
            var job = self
            job.result = [UInt8(generator.below(256)), 0, 255]
            return job.settlement(.complete)
        case 8..<13:
            let isLast = claimed.attempt >= claimed.message.maxAttempts
            let delay = Duration.milliseconds(generator.pick([0, 1, 20, 1000, 5000, 30_000]))
            let verdict = isLast ? Verdict.bury(.attemptsExhausted) : .retry(after: delay)
            return settlement(verdict, error: generator.pick(["no", "nul \0 and é"]), errorType: "Refused")
        case 13, 14: return settlement(.bury(.permanent), error: "never", errorType: "permanent")
        case 15: return settlement(.bury(.expired), error: "too late", errorType: "expired")
        case 17: return settlement(.snooze(for: .milliseconds(generator.pick([0, 20, 5000]))))
        case 16: return settlement(.cancel(reason: "by its handler"))
        default: return settlement(.release)
        }
    }
}

extension [Settlement] {
    /// As the engine sends them: plain completions first; with Postgres, what ends one job twice is not plain.
    func inOrderOfSending(to storage: MemoryQueue.Storage) -> [Settlement] {
        func isPlain(_ settlement: Settlement) -> Bool {
            settlement.verdict == .complete && settlement.job.message.retention == .standard
                && settlement.job.message.unique == nil
                && (storage == .keys || count { $0.reference.id == settlement.reference.id } == 1)
        }
        return filter(isPlain) + filter { !isPlain($0) }
    }
}
