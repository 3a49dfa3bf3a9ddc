// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Logging
import SpanQueue

/// Leaves the result of a job that has done its work. That it is too large must not undo the work, so it is cut, and logged.
enum ResultStore {
    /// - Parameter droppedBytes: what came after `bytes`; nil where more came and nobody counted.
    static func store(_ bytes: [UInt8], droppedBytes: Int?, of source: String, in context: JobContext) {
        if droppedBytes != 0 {
            context.logger.warning(
                "the result was cut: \(source) is larger than what is kept",
                metadata: [
                    "kept_bytes": "\(bytes.count)", "dropped_bytes": "\(droppedBytes.map(String.init) ?? "unknown")",
                ])
        }
        guard !bytes.isEmpty else { return }
        do {
            try context.setResult(bytes: bytes)
        } catch {
            context.logger.warning(
                "the result was dropped: \(source) is larger than a result may be", metadata: ["error": "\(error)"])
        }
    }
}
