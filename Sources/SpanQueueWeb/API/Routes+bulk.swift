// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

internal import HTTPTypes
internal import SpanQueue
internal import SpanQueueAdmin

extension Routes {
    /// A filter and a reason.
    private static let bodyLimit = 32 << 10

    /// Actions on many jobs: a preview, whose token begins what it showed; how far it has come; and an end to it.
    static let bulkActions: [Route] = [
        Route(method: .get, path: "/api/v1/bulk-actions", scope: .read) { _, call in
            try .json(call.desk.actions(as: call.principal))
        },
        Route(method: .get, path: "/api/v1/bulk-actions/{id}", scope: .read) { _, call in
            try .json(call.desk.action(call.places["id"] ?? "", as: call.principal))
        },
        Route(
            method: .post, path: "/api/v1/bulk-actions", scope: .admin, bodyLimit: bodyLimit
        ) { admin, call in
            let members = try call.members(["token", "dry_run", "action", "filter", "reason"])
            if members["token"] != nil {
                guard members.count == 1, let token = try Call.text(members["token"]) else {
                    throw Problem.invalid("token: it stands alone, and is a string; what it begins was said before")
                }
                let action = try call.desk.start(token, as: call.principal)
                return try .json(action, .accepted, [.location: "/api/v1/bulk-actions/\(action.id)"])
            }
            guard members["dry_run"].map({ String(decoding: $0.value, as: UTF8.self) }) == "true" else {
                throw Problem.invalid("dry_run: write true; the answer has a token, and that begins it")
            }
            guard let word = try Call.text(members["action"]) else {
                throw Problem.invalid("action: use cancel, redrive, bury or remove")
            }
            let action = try JobAction.named(word, reason: Call.text(members["reason"]))
            return try .json(
                await call.desk.preview(
                    action, filter(members["filter"]), of: admin, as: call.principal))
        },
        Route(method: .post, path: "/api/v1/bulk-actions/{id}/stop", scope: .admin, bodyLimit: bodyLimit) { _, call in
            _ = try call.members([])
            return try .json(call.desk.stop(call.places["id"] ?? "", as: call.principal))
        },
    ]

    private static let ofFilter: Set = [
        "queue", "state", "type", "tag", "id", "error", "fingerprint", "since", "until",
    ]

    /// The same that a search has in its query. A null counts as not given.
    private static func filter(_ member: StrictJSON.Member?) throws -> JobFilter {
        guard let member, member.kind == .object else { throw Problem.invalid("filter: write an object") }
        var filter = JobFilter()
        let parts: [StrictJSON.Member]
        do {
            parts = try StrictJSON.members(of: Array(member.value))
        } catch {
            throw Problem.invalid("filter: \(error)")
        }
        for member in parts {
            guard Self.ofFilter.contains(member.name) else {
                throw Problem.invalid("unknown member \(Excerpt.printable(member.name, limit: 40)) of the filter")
            }
            if member.kind == .null { continue }
            if member.name == "tag" {
                guard let tags = member.texts ?? member.text.map({ [$0] }), tags.count <= 16 else {
                    throw Problem.invalid("tag: write a string, or an array of at most 16")
                }
                filter.tags = tags
                continue
            }
            guard let text = member.text else {
                throw Problem.invalid("\(Excerpt.printable(member.name, limit: 40)): write a string")
            }
            switch member.name {
            case "queue":
                try NameRule.queue.check(text)
                filter.queue = text
            case "state": filter.state = try state(text)
            case "type": filter.type = text
            case "id": filter.id = text
            case "error": filter.error = text
            case "fingerprint": filter.fingerprint = try JobFilter.fingerprint(text)
            case "since": filter.since = try TimeBound(text, "since")
            default: filter.until = try TimeBound(text, "until")
            }
        }
        return filter
    }
}
