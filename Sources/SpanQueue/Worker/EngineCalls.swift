// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

/// The calls that take many, for a worker: only its end cancels them, and then nobody reads the answer.
extension JobSource {
    func claimEach(_ requests: [ClaimRequest]) async -> [Result<ClaimReply, SpanQueueError>] {
        do throws(CancellationError) { return try await claim(requests) } catch { return Self.cancelled(requests) }
    }

    func extendEach(_ batches: [LeaseBatch]) async -> [Result<ExtendReply, SpanQueueError>] {
        do throws(CancellationError) { return try await extend(batches) } catch { return Self.cancelled(batches) }
    }

    func settleEach(_ settlements: [Settlement]) async -> [Result<SettleOutcome, SpanQueueError>] {
        do throws(CancellationError) { return try await settle(settlements) } catch {
            return Self.cancelled(settlements)
        }
    }

    private static func cancelled<Reply>(_ requests: [some Any]) -> [Result<Reply, SpanQueueError>] {
        requests.map { _ in .failure(SpanQueueError(.closed, "the worker has ended", mayHaveRun: true)) }
    }
}
