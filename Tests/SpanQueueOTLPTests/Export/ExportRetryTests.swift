// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Testing

@testable import SpanQueueOTLP
@testable import SpanQueueTelemetry

@Suite("What to do after a request")
struct ExportRetryTests {
    @Test("only 429, 502, 503 and 504 are tried again; every 2xx is an end, and so is everything else")
    func statuses() {
        for status in 0...1000 {
            var retry = ExportRetry()
            switch retry.verdict(on: .status(status, retryAfter: nil), random: 0) {
            case .taken: #expect((200...299).contains(status))
            case .again(_, let errorType): #expect([429, 502, 503, 504].contains(status) && errorType == "\(status)")
            case .drop(let errorType): #expect(errorType == ((300...599).contains(status) ? "\(status)" : "_OTHER"))
            }
        }
    }

    @Test("waits double up to a bound, with jitter of up to a half", arguments: [0.0, 0.5, 1.0])
    func backoff(_ share: Double) {
        var retry = ExportRetry()
        for full in [1, 2, 4, 5, 5] {
            let verdict = retry.verdict(on: .unanswered(errorType: "connect"), random: share)
            #expect(verdict == .again(after: .seconds(full) * (0.5 + 0.5 * share), errorType: "connect"))
        }
    }

    @Test("what the server asks for is waited in full, and a little more")
    func retryAfter() {
        var retry = ExportRetry()
        let verdict = retry.verdict(on: .status(503, retryAfter: .seconds(7)), random: 0.5)
        guard case .again(let delay, _) = verdict else { return #expect(Bool(false)) }
        #expect(delay > .seconds(7) && delay < .seconds(8))
    }
}
