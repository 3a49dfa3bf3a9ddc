internal import ServiceLifecycle

/// Tells the server that the process is about to stop.
struct DrainNotice: Service {
    let server: MetricsServer

    func run() async throws {
        try? await gracefulShutdown()
        server.beginDraining()
    }
}
