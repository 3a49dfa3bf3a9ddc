// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

package import SpanQueue

/// What a transfer of one queue did, as `--json` shows it.
package struct TransferView: Encodable, Sendable {
    package let queue: String
    package let copied: Bool
    /// How many jobs went, by state.
    package let moved: [String: Int]
    package let total: Int
    package let conflicts: Int
    package let locked: Int
    package let unreadable: Int
    /// How many jobs the source has now.
    package let left: Int
    package let sourcePaused: Bool
    package let targetPaused: Bool

    private enum CodingKeys: String, CodingKey {
        case queue, copied, moved, total, conflicts, locked, unreadable, left
        case sourcePaused = "source_paused"
        case targetPaused = "target_paused"
    }

    package init(_ report: TransferReport) {
        queue = report.queue
        copied = report.isCopy
        moved = Dictionary(
            uniqueKeysWithValues: QueueTransfer.states.map { ($0.rawValue, report.moved[$0] ?? 0) })
        total = report.total
        conflicts = report.conflicts
        locked = report.locked
        unreadable = report.unreadable
        left = report.left
        sourcePaused = report.isSourcePaused
        targetPaused = report.isTargetPaused
    }
}

/// What a transfer would find, as `--dry-run --json` shows it.
package struct TransferPreview: Encodable, Sendable {
    package let queue: String
    /// Jobs of the source, by state.
    package let source: [String: Int]
    /// Those that the target has already.
    package let target: [String: Int]

    package init(source: QueueCounts, target: QueueCounts) {
        queue = source.queue
        self.source = Self.named(source)
        self.target = Self.named(target)
    }

    private static func named(_ counts: QueueCounts) -> [String: Int] {
        Dictionary(uniqueKeysWithValues: JobState.known.filter { $0 != .held }.map { ($0.rawValue, counts[$0]) })
    }
}
