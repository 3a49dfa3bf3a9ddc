internal import HTTPTypes
internal import Hummingbird
internal import SpanQueueGzip
internal import SpanQueueLoop
internal import SpanQueueTelemetry

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
                // Collectors have deadlines of their own; this one is for a page that takes for ever to write.
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
