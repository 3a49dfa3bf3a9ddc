// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

internal import Foundation
internal import HTTPTypes
internal import HummingbirdCore
internal import Logging
internal import NIOCore
internal import SpanQueueAdmin
internal import SpanQueueGzip
internal import SpanQueueServer

/// Answers requests: refuses what must not be answered, finds the route, and turns what it says or throws into bytes.
struct Responder: Sendable {
    let admin: Admin
    let gate: Gate
    /// The names that it is reached by.
    let hosts: Set<String>
    let redaction: Redaction
    let ancestors: FrameAncestors
    let desk: BulkDesk
    let routes: [Route]
    let live: LiveHub
    let logger: Logger

    /// - Parameter peer: the other side's address; nil for a Unix socket.
    func respond(to request: Request, from peer: String?, on channel: any Channel) async -> Response {
        var reply: Reply
        do {
            reply = try await answer(request, from: peer)
            if !redaction.isEmpty, reply.isText, let body = reply.body { reply.body = redaction.masked(answer: body) }
        } catch {
            if let problem = Problem(error) {
                reply = problem.reply
                if !redaction.isEmpty, let body = reply.body { reply.body = redaction.masked(answer: body) }
            } else {
                logger.error("a request could not be answered", metadata: ["error": "\(error)"])
                reply = Problem(.internalServerError, "engine", "this is a bug in the server; see its log").reply
            }
            // What is left of its body stays unread, so nothing can follow it on this connection.
            if Self.hasBody(request) { reply.headers[.connection] = "close" }
        }
        if request.headers[.connection]?.lowercased() == "close" { reply.headers[.connection] = "close" }
        if let viewer = reply.viewer {
            // However the connection ends, and if the answer never begins.
            channel.closeFuture.whenComplete { [live] _ in live.leave(viewer) }
            if request.method == .head { live.leave(viewer) }
        }
        let response = response(reply, acceptEncoding: request.headers[.acceptEncoding])
        return request.method == .head ? response.createHeadResponse() : response
    }

    private func answer(_ request: Request, from peer: String?) async throws -> Reply {
        try check(request.head)
        guard let target = RequestPath(request.head.path ?? "/") else {
            if let page = lost(request, nil) { return page }
            throw Problem.invalid("the path or query has an escape that is none")
        }
        if let page = try Pages.embedded.reply(
            to: request.method, target.parts, request.headers, framedBy: ancestors)
        {
            return page
        }
        let found = routes.compactMap { route in route.match(target.parts).map { (route, $0) } }
        guard !found.isEmpty else {
            if let page = lost(request, target.parts) { return page }
            throw Problem(.notFound, "not_found", "no such path: see /api/v1/openapi.json")
        }
        let allowed = (["OPTIONS"] + found.flatMap { $0.0.method == .get ? ["GET", "HEAD"] : [$0.0.method.rawValue] })
            .sorted().joined(separator: ", ")
        if request.method == .options { return Reply(status: .noContent, body: nil, headers: [.allow: allowed]) }
        let method = request.method == .head ? .get : request.method
        guard let (route, places) = found.first(where: { $0.0.method == method }) else {
            throw Problem(.methodNotAllowed, "invalid_argument", "use \(allowed)", [.allow: allowed])
        }
        try RequestGuard.checkType(method, request.headers)
        let visitor = try route.isOpen ? Self.nobody : gate.visitor(request.headers, peer: peer)
        try RequestGuard.check(visitor.credential, method, request.headers)
        var call = try call(route, method, request.headers, visitor, peer, places, target)
        call.body = try await Self.body(of: request, limit: route.bodyLimit)
        return try await route.answer(admin.visible(to: visitor.principal), call)
    }

    private func lost(_ request: Request, _ parts: [String]?) -> Reply? {
        Pages.embedded.lost(to: request.method, parts, request.headers, framedBy: ancestors)
    }

    private func check(_ request: HTTPRequest) throws(Problem) {
        try RequestGuard.check(
            request.method, request.headerFields, authority: request.authority, hosts: hosts,
            schemes: gate.hasUsers ? ["http", "https"] : ["http"])
    }

    private static let nobody = Gate.Visitor(
        principal: Principal(name: "nobody", way: .web, scopes: []), credential: .none)

    /// A request, if its visitor may send it, and it asks for nothing that is not known.
    private func call(
        _ route: Route, _ method: HTTPRequest.Method, _ headers: HTTPFields, _ visitor: Gate.Visitor, _ peer: String?,
        _ places: [String: String], _ target: RequestPath
    ) throws -> Call {
        if let scope = route.scope { try visitor.principal.require(scope) }
        // It is not repeated: an answer has nothing in it that only the asker wrote.
        guard target.query.allSatisfy({ route.parameters.contains($0.name) }) else {
            let known = route.parameters.sorted().joined(separator: ", ")
            throw Problem.invalid("unknown parameter: \(known.isEmpty ? "there are none here" : "there are \(known)")")
        }
        return Call(
            method: method, headers: headers, visitor: visitor, gate: gate, redaction: redaction, peer: peer,
            desk: desk,
            places: places, query: target.query, live: live)
    }

    /// Takes in who asks for a WebSocket, by the same rules as any other request.
    ///
    /// - Returns: nil where there is none at this path.
    func join(_ request: HTTPRequest, from peer: String?) throws -> LiveViewer? {
        guard request.method == .get, let target = RequestPath(request.path ?? "/"),
            let route = routes.first(where: { $0.path == Route.events && $0.match(target.parts) != nil })
        else { return nil }
        try check(request)
        let visitor = try gate.visitor(request.headerFields, peer: peer)
        return try call(route, .get, request.headerFields, visitor, peer, [:], target).viewer()
    }

    /// Counted while it is read, so that what a client says of its size does not matter.
    private static func body(of request: Request, limit: Int) async throws -> [UInt8] {
        var bytes: [UInt8] = []
        for try await part in request.body {
            guard bytes.count + part.readableBytes <= limit else {
                throw Problem(
                    .contentTooLarge, "too_large",
                    limit == 0 ? "this takes no body" : "the body has more than \(limit) bytes: send less at a time")
            }
            bytes += part.readableBytesView
        }
        return bytes
    }

    private static func hasBody(_ request: Request) -> Bool {
        request.headers[.transferEncoding] != nil || request.headers[.contentLength].map { $0 != "0" } == true
    }

    /// Smaller ones do not get smaller.
    private static let leastForGzip = 1024

    private func response(_ reply: Reply, acceptEncoding: String?) -> Response {
        var headers = reply.headers
        // Nothing here is for another site to show, to frame or to read, or, but for what pages are made of, for anyone to keep.
        headers[.cacheControl] = headers[.cacheControl] ?? "no-store"
        headers[.contentSecurityPolicy] =
            headers[.contentSecurityPolicy] ?? "default-src 'none'; frame-ancestors 'none'"
        headers[.xContentTypeOptions] = "nosniff"
        headers[.crossOriginResourcePolicy] = "same-origin"
        headers[.crossOriginOpenerPolicy] = "same-origin"
        headers[.referrerPolicy] = "no-referrer"
        if let viewer = reply.viewer {
            headers[.contentType] = "text/event-stream"
            // By nginx, which would keep it until there is enough of it.
            headers[.accelBuffering] = "no"
            headers[.connection] = "close"
            return Response(status: reply.status, headers: headers, body: EventStream(live, viewer).body)
        }
        guard var body = reply.body else {
            return Response(status: reply.status, headers: headers, body: ResponseBody())
        }
        headers[.contentType] = reply.contentType
        headers[.vary] = (headers[.vary].map { "\($0), " } ?? "") + "Accept-Encoding"
        if body.count >= Self.leastForGzip, ContentCoding.negotiated(acceptEncoding: acceptEncoding) == .gzip,
            let packed = reply.packed ?? Gzip.compress(Array(body)).map({ Data($0) })
        {
            headers[.contentEncoding] = "gzip"
            body = packed
        }
        return Response(
            status: reply.status, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(bytes: body)))
    }
}
