// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

/// What checks what must hold in an engine's store while producers and workers are at work, and repairs what can be repaired without a loss.
package protocol EngineAuditor: Sendable {
    /// Audits.
    ///
    /// - Parameters:
    ///   - queues: which; nil for all, and for what belongs to none.
    ///   - maxReclaims: how often a worker takes a job back until it buries it: a setting of the workers, which no store holds.
    ///   - progress: told after each step.
    /// - Throws: `SpanQueueError`; `CancellationError` if the task is cancelled.
    func run(
        queues: [String]?, maxReclaims: Int, progress: @escaping (AuditProgress) -> Void
    ) async throws -> AuditReport
    /// Repairs what can be repaired without a loss, each violation in one step that first checks that it is still so.
    ///
    /// - Returns: what became of each, in order; then of totals that were set right besides.
    func repair(_ violations: [AuditViolation]) async throws -> [RepairOutcome]
    /// Lets go of the connection.
    func shutdown() async
}
