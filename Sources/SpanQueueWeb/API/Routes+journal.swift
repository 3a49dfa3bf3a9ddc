// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

internal import Foundation
internal import HTTPTypes
internal import SpanQueue
internal import SpanQueueAdmin

extension Routes {
    private static let filters: Set<String> = ["by", "action", "queue", "target"]

    static let journal: [Route] = [
        Route(
            method: .get, path: "/api/v1/journal", scope: .read, parameters: filters.union(["limit", "cursor"])
        ) { admin, call in
            try .json(await admin.journal(deeds(call), cursor: call.value("cursor"), limit: call.limit()))
        },
        Route(method: .get, path: "/api/v1/journal/lines", scope: .read, parameters: filters) { admin, call in
            let filter = try deeds(call)
            var lines = Data()
            var cursor: String?
            // The journal is bounded, and so are its texts.
            repeat {
                let page = try await admin.journal(filter, cursor: cursor, limit: 500)
                for deed in page.deeds { lines += try AdminJSON.encode(deed) + Data("\n".utf8) }
                cursor = page.cursor
            } while cursor != nil
            return Reply(
                body: lines, contentType: "application/x-ndjson",
                headers: [.contentDisposition: "attachment; filename=\"spanq-journal.jsonl\""])
        },
    ]

    private static func deeds(_ call: Call) throws -> JournalFilter {
        JournalFilter(
            by: try call.value("by"), action: try call.value("action"), queue: try call.value("queue"),
            target: try call.value("target"))
    }

    /// Tells the journal that a person looks at what a job carries. Programs do so all day, and would fill it.
    static func noteLook(_ what: String, _ call: Call, _ admin: Admin, queue: String) async throws {
        guard call.principal.way == .web else { return }
        let deed = JournalDeed("show_\(what)", queue: queue, target: try call.id().description, by: call.principal)
        await admin.journal(look: deed)
    }
}
