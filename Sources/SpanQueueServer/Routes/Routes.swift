// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

internal import HTTPTypes
internal import Hummingbird
internal import SpanQueue
internal import SpanQueueAdmin
internal import SpanQueueGzip
internal import SpanQueueLoop
internal import SpanQueueTelemetry

/// The paths of the server.
enum Routes {
    static func responder(
        registry: MetricsRegistry, health: HealthChecks, isDraining: @escaping @Sendable () -> Bool,
        queue: JobQueue?, on thread: LoopThread, pagesOn pages: LoopThread
    ) -> RouterResponder<BasicRequestContext> {
        let router = Router(context: BasicRequestContext.self, options: .autoGenerateHeadEndpoints)
        var paths: Set<String> = ["/metrics", "/livez", "/readyz"]
        if queue != nil { paths.insert("/stats") }
        router.add(middleware: RequestRules(paths: paths))
        let metrics = MetricsRoute(registry, on: pages)
        router.get("/metrics") { request, _ in await metrics.respond(to: request) }
        let live = HealthProbe(health.live, on: thread)
        router.get("/livez") { _, _ in answer(await live.problem(isDraining: isDraining())) }
        let ready = HealthProbe(health.ready, on: thread)
        router.get("/readyz") { _, _ in answer(isDraining() ? "draining" : await ready.problem()) }
        if let queue {
            let statistics = StatisticsRoute(on: thread) { try await Admin(queue).stats() }
            router.get("/stats") { _, _ in await statistics.respond() }
        }
        return router.buildResponder()
    }

    private static func answer(_ problem: String?) -> Response {
        problem.map { RequestRules.line(.serviceUnavailable, $0) } ?? RequestRules.line(.ok, "ok")
    }
}

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
            return Self.line(.notFound, "no such path; try \(paths.sorted().joined(separator: ", "))")
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

/// Answers GET /metrics. Those who ask for the same form at the same time get the same page.
struct MetricsRoute: Sendable {
    private struct Form: Hashable {
        let format: ExpositionFormat
        let coding: ContentCoding
    }

    private struct Page: Sendable {
        let contentType: String
        let coding: ContentCoding
        let body: ByteBuffer
    }

    private let pages: [Form: SharedRun<Page>]

    init(_ registry: MetricsRegistry, on thread: LoopThread) {
        var pages: [Form: SharedRun<Page>] = [:]
        for format in ExpositionFormat.allCases {
            for coding in [ContentCoding.identity, .gzip] {
                // Collectors have deadlines of their own; this one is for a page that takes forever to write.
                pages[Form(format: format, coding: coding)] = SharedRun(deadline: .seconds(15), on: thread) {
                    let page = await registry.page(accept: format.contentType, on: thread)
                    // Where memory is short it goes out as it is.
                    let packed = coding == .gzip ? Gzip.compress(page.bytes) : nil
                    return Page(
                        contentType: page.contentType, coding: packed == nil ? .identity : .gzip,
                        body: ByteBuffer(bytes: packed ?? page.bytes))
                }
            }
        }
        self.pages = pages
    }

    func respond(to request: Request) async -> Response {
        let form = Form(
            format: .negotiated(accept: Self.list(request.headers[values: .accept])),
            coding: .negotiated(acceptEncoding: Self.list(request.headers[values: .acceptEncoding])))
        guard case .success(let page)? = await pages[form]?.value() else {
            return RequestRules.line(.serviceUnavailable, "the metrics could not be written in time")
        }
        var headers: HTTPFields = [
            .contentType: page.contentType, .vary: MetricsPage.vary + ", Accept-Encoding", .cacheControl: "no-store",
        ]
        if page.coding == .gzip { headers[.contentEncoding] = "gzip" }
        return Response(status: .ok, headers: headers, body: ResponseBody(byteBuffer: page.body))
    }

    private static func list(_ values: [String]) -> String? {
        values.isEmpty ? nil : values.joined(separator: ", ")
    }
}

/// Answers GET /stats.
struct StatisticsRoute: Sendable {
    private let body: SharedRun<ByteBuffer>

    init(on thread: LoopThread, _ read: @escaping @Sendable () async throws -> StatsView) {
        body = SharedRun(deadline: .seconds(2), on: thread) {
            ByteBuffer(string: try AdminJSON.line(try await read()) + "\n")
        }
    }

    func respond() async -> Response {
        switch await body.value() {
        case .success(let body):
            return Response(
                status: .ok, headers: [.contentType: "application/json", .cacheControl: "no-store"],
                body: ResponseBody(byteBuffer: body))
        case .failure(let error):
            let problem = "\(error)".split(whereSeparator: \.isNewline).joined(separator: " ").prefix(300)
            return RequestRules.line(.serviceUnavailable, String(problem))
        case .late:
            return RequestRules.line(.serviceUnavailable, "the queues' engine did not answer in time")
        }
    }
}

/// How the bytes of a page are coded on their way.
package enum ContentCoding: Sendable, Hashable {
    /// As they are.
    case identity
    /// gzip.
    case gzip

    /// The coding that an `Accept-Encoding` header prefers by its q-values (RFC 9110, section 12.5.3): gzip where it is
    /// accepted and not less wanted than no coding.
    package static func negotiated(acceptEncoding: String?) -> ContentCoding {
        let codings = HeaderList.parse(acceptEncoding ?? "")
        let any = codings.first { $0.value == "*" }
        let gzip = codings.first { $0.value == "gzip" || $0.value == "x-gzip" } ?? any
        let identity = codings.first { $0.value == "identity" }
        guard let gzip, gzip.weight > 0 else { return .identity }
        return gzip.weight >= identity?.weight ?? 0 ? .gzip : .identity
    }
}
