// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

internal import Foundation
internal import HTTPTypes
internal import SpanQueue
internal import SpanQueueAdmin

/// One request, taken apart.
struct Call: Sendable {
    let method: HTTPRequest.Method
    let headers: HTTPFields
    let visitor: Gate.Visitor
    let gate: Gate
    let redaction: Redaction
    /// The other side's address; nil for a Unix socket.
    let peer: String?
    /// Where actions on many jobs are ordered.
    let desk: BulkDesk
    /// What stands in the path in the places of `{id}` and `{queue}`.
    let places: [String: String]
    let query: [(name: String, value: String)]
    var body: [UInt8] = []
    /// What happens, for those who watch.
    var live: LiveHub?

    var principal: Principal { visitor.principal }
    /// What they may see of a job.
    var shown: JobView.Shown { JobView.Shown(to: principal, redaction) }

    // MARK: Path

    func id() throws -> JobID { try JobID(places["id"] ?? "") }

    func queue() throws -> String {
        let name = places["queue"] ?? ""
        try NameRule.queue.check(name)
        return name
    }

    // MARK: Query

    func value(_ name: String) throws -> String? {
        let values = query.filter { $0.name == name }
        guard values.count < 2 else { throw Problem.invalid("the parameter \(name) is there more than once") }
        return values.first?.value
    }

    func limit() throws -> Int {
        guard let text = try value("limit") else { return 50 }
        guard let limit = Int(text), (1...200).contains(limit) else {
            throw Problem.invalid("limit: use a whole number, 1 to 200")
        }
        return limit
    }

    /// The queue that a job is said to be in.
    func queueOfJob() throws -> String? {
        guard let name = try value("queue") else { return nil }
        try NameRule.queue.check(name)
        return name
    }

    // MARK: Body

    /// The members of the body's object; none where there is no body. Others than these are refused.
    func members(_ known: Set<String>) throws -> [String: StrictJSON.Member] {
        guard !body.isEmpty else { return [:] }
        do {
            let members = try StrictJSON.members(of: body)
            if let unknown = members.first(where: { !known.contains($0.name) }) {
                throw Problem.invalid("unknown member \(Excerpt.printable(unknown.name, limit: 40))")
            }
            return Dictionary(uniqueKeysWithValues: members.map { ($0.name, $0) })
        } catch let problem as StrictJSON.Problem {
            throw Problem.invalid("the body is not a JSON object: \(problem)")
        }
    }

    /// A text in the body; nil where it is absent or null.
    static func text(_ member: StrictJSON.Member?) throws -> String? {
        guard let member, member.kind != .null else { return nil }
        guard let text = member.text else { throw Problem.invalid("\(member.name): write a string") }
        return text
    }
}
