internal import HTTPTypes
internal import Hummingbird
internal import SpanQueueLoop
internal import SpanQueueTelemetry

/// The paths of the server.
enum Routes {
    static func responder(
        registry: MetricsRegistry, health: HealthChecks, isDraining: @escaping @Sendable () -> Bool,
        statistics: (@Sendable () async throws -> QueueStatistics)?, on thread: LoopThread,
        pagesOn pages: LoopThread
    ) -> RouterResponder<BasicRequestContext> {
        let router = Router(context: BasicRequestContext.self, options: .autoGenerateHeadEndpoints)
        var paths: Set<String> = ["/metrics", "/livez", "/readyz"]
        if statistics != nil { paths.insert("/stats") }
        router.add(middleware: RequestRules(paths: paths))
        let metrics = MetricsRoute(registry, on: pages)
        router.get("/metrics") { request, _ in await metrics.respond(to: request) }
        let live = HealthProbe(health.live, on: thread)
        router.get("/livez") { _, _ in answer(await live.problem(isDraining: isDraining())) }
        let ready = HealthProbe(health.ready, on: thread)
        router.get("/readyz") { _, _ in answer(isDraining() ? "draining" : await ready.problem()) }
        if let statistics {
            let statistics = StatisticsRoute(on: thread, statistics)
            router.get("/stats") { _, _ in await statistics.respond() }
        }
        return router.buildResponder()
    }

    private static func answer(_ problem: String?) -> Response {
        problem.map { RequestRules.line(.serviceUnavailable, $0) } ?? RequestRules.line(.ok, "ok")
    }
}
