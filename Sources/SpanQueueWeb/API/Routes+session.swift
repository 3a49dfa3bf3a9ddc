// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

internal import Foundation
internal import HTTPTypes
internal import SpanQueue
internal import SpanQueueAdmin

extension Routes {
    private static let path = "/api/v1/session"

    static let session: [Route] = [
        Route(method: .get, path: path, scope: nil) { _, call in
            var end: Timestamp?
            if case .cookie(let until) = call.visitor.credential { end = until }
            return try .json(SessionView(call.principal, until: end, links: call.gate.links))
        },
        Route(
            method: .post, path: path, scope: nil, bodyLimit: 4096, isOpen: true, isSafe: true
        ) { _, call in
            let members = try call.members(["name", "token"])
            guard let name = try Call.text(members["name"]), let token = try Call.text(members["token"]) else {
                throw Problem.invalid("send a name and a token")
            }
            let cookie = try call.gate.signIn(name: name, token: token, call.headers, peer: call.peer)
            return Reply(status: .noContent, body: nil, headers: [.setCookie: cookie])
        },
        Route(method: .delete, path: path, scope: nil, isOpen: true, isSafe: true) { _, call in
            Reply(status: .noContent, body: nil, headers: [.setCookie: call.gate.signOut(call.headers)])
        },
    ]
}
