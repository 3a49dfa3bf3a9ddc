// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

package import SpanQueue

extension Admin {
    /// Enqueues jobs in one round trip, and says of each what became of it.
    ///
    /// - Throws: `AdminError` where the principal may not; `.tooLarge` for more than `Limits.jobsPerEnqueue`; what the engine throws.
    package func enqueue(_ requests: [EnqueueRequest], as principal: Principal) async throws -> [EnqueueResult] {
        try principal.require(.produce)
        for request in requests { try principal.require(queue: request.queueName(by: queue.configuration)) }
        return try await queue.enqueue(requests)
    }
}
