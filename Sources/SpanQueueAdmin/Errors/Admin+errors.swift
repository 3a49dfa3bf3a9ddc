// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

package import SpanQueue

extension Admin {
    /// The groups of errors of a queue, or of all, those that were seen last first.
    ///
    /// - Parameter limit: the most groups wanted.
    /// - Throws: `.notFound` for a queue that does not exist; `.unsupported` where the engine keeps no count.
    package func errors(in queue: String? = nil, type: String? = nil, limit: Int) async throws -> ErrorGroupsView {
        let engine = try await self.queue.engine
        guard let store = engine as? any ErrorStore else {
            throw SpanQueueError(.unsupported, "the \(engine.name) engine keeps no count of errors")
        }
        var groups: [ErrorGroup] = []
        for name in try await names(in: JobFilter(queue: queue)) {
            groups += redaction.shown(try await store.errors(in: name)).filter {
                type == nil || redaction.masked($0.jobType) == type
            }
        }
        groups.sort { ($0.lastSeen, $0.count, $0.masked) > ($1.lastSeen, $1.count, $1.masked) }
        return ErrorGroupsView(Array(groups.prefix(limit)), more: max(0, groups.count - limit))
    }

    /// A group of errors.
    ///
    /// - Parameter queue: where it is; all are searched unless given.
    /// - Throws: `.notFound`.
    package func error(_ fingerprint: UInt64, in queue: String? = nil) async throws -> ErrorGroupView {
        let name = ErrorFingerprint.text(fingerprint)
        let groups = try await errors(in: queue, limit: .max).errors
        guard let group = groups.first(where: { $0.fingerprint == name }) else {
            throw SpanQueueError(.notFound, "no errors \(name): it never was, or it is counted among the rest by now")
        }
        return group
    }
}

extension JobFilter {
    /// Reads a fingerprint.
    ///
    /// - Throws: `.invalidArgument`.
    package static func fingerprint(_ text: String) throws(SpanQueueError) -> UInt64 {
        guard let value = ErrorFingerprint.parse(text) else {
            throw SpanQueueError(
                .invalidArgument,
                "fingerprint \(Excerpt.printable(text, limit: 40)): use the 16 hexadecimal digits that a list of errors shows"
            )
        }
        return value
    }
}
