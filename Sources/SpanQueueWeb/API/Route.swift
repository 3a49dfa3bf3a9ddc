// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

internal import HTTPTypes
internal import SpanQueueAdmin

/// A way to call the interface: what is asked, and who may.
struct Route: Sendable {
    let method: HTTPRequest.Method
    /// As the description has it: `/api/v1/jobs/{id}`.
    let path: String
    /// Nil where whoever is known may.
    let scope: Scope?
    /// The parameters that its query may have.
    var parameters: Set<String> = []
    /// The most bytes that its body may have.
    var bodyLimit = 0
    /// Whether it is for those who are not known yet.
    var isOpen = false
    /// Whether it leaves all jobs and queues as they are, whatever its method.
    var isSafe = false
    let answer: @Sendable (Admin, Call) async throws -> Reply

    var isWrite: Bool { method != .get && !isSafe }

    /// What stands in the places of a path that is this one; nil where it is another.
    func match(_ parts: [String]) -> [String: String]? {
        let pattern = path.split(separator: "/")
        guard pattern.count == parts.count else { return nil }
        var places: [String: String] = [:]
        for (wanted, part) in zip(pattern, parts) {
            if wanted.hasPrefix("{") {
                places[String(wanted.dropFirst().dropLast())] = part
            } else if wanted != part {
                return nil
            }
        }
        return places
    }
}
