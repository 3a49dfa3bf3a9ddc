import ServiceLifecycle

/// Ends `spanq dev` when its Redis ends by itself.
struct RedisWatch: Service {
    let server: RedisProcess

    func run() async throws {
        try await cancelWhenGracefulShutdown {
            await server.waitForEnd()
            guard !Task.isCancelled else { return }
            let log = server.directory.isTemporary ? "" : ": see \(server.directory.logPath)"
            throw CommandFailure.failed("the private redis-server ended by itself, or was killed\(log)")
        }
    }
}
