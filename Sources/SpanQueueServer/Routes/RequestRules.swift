internal import HTTPTypes
internal import Hummingbird

/// What holds for every path: only GET and HEAD are answered, and no request has a body.
struct RequestRules: RouterMiddleware {
    typealias Context = BasicRequestContext

    let paths: Set<String>

    func handle(
        _ request: Request, context: Context, next: @concurrent (Request, Context) async throws -> Response
    ) async throws -> Response {
        var response = try await answer(request, context, next)
        // The connection then ends with the answer, and not when the client gets round to it.
        if request.headers[.connection]?.lowercased() == "close" { response.headers[.connection] = "close" }
        return response
    }

    private func answer(
        _ request: Request, _ context: Context, _ next: @concurrent (Request, Context) async throws -> Response
    ) async throws -> Response {
        if request.headers[.transferEncoding] != nil || request.headers[.contentLength].map({ $0 != "0" }) == true {
            // The body stays unread, so nothing can follow it on this connection.
            var response = Self.line(.contentTooLarge, "no request here has a body")
            response.headers[.connection] = "close"
            return response
        }
        guard paths.contains(request.uri.path) else {
            return Self.line(.notFound, "no such path; there are \(paths.sorted().joined(separator: ", "))")
        }
        guard request.method == .get || request.method == .head else {
            var response = Self.line(.methodNotAllowed, "use GET or HEAD")
            response.headers[.allow] = "GET, HEAD"
            return response
        }
        return try await next(request, context)
    }

    /// An answer of one line of text, which no cache keeps.
    static func line(_ status: HTTPResponse.Status, _ text: String) -> Response {
        Response(
            status: status,
            headers: [.contentType: "text/plain; charset=utf-8", .cacheControl: "no-store"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: text + "\n")))
    }
}
