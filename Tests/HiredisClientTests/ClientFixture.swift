// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Logging
import RedisServerFixture
import SpanQueueLoop

@testable import HiredisClient

/// A server, and a way to get clients for it that are closed in the end.
func withClient<Result>(
    _ arguments: String..., configuration: RedisClient.Configuration = .init(),
    body: (RedisClient, RedisServer) async throws -> Result
) async throws -> Result {
    let server = try await RedisServer.start(arguments)
    defer { server.stop() }
    return try await withClient(url: server.url, configuration: configuration) { try await body($0, server) }
}

func withClient<Result>(
    url: String, configuration: RedisClient.Configuration = .init(), body: (RedisClient) async throws -> Result
) async throws -> Result {
    let loop = LoopThread(name: "test")
    defer { loop.stop() }
    let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    let client = RedisClient(
        url: try RedisURL(url), name: "test", configuration: configuration, loop: loop, logger: logger
    )
    do {
        let result = try await body(client)
        await client.close()
        return result
    } catch {
        await client.close()
        throw error
    }
}

extension RedisClient {
    var liveCount: Int { queue.live.count }
    func hasWritten(_ count: Int) -> Bool { queue.count == count && !queue.hasWaiting }
    /// A call that is to be tried again.
    var hasParked: Bool { !parked.isEmpty }
    /// One call in the queue, and one that waits for the connection.
    var holdsOneOfEach: Bool { queue.count == 1 && parked.count == 1 }

    /// A command that may be sent again.
    func call(_ name: String, _ arguments: String..., timeout: Duration? = nil) async throws -> RESPReply {
        var command = RESPCommand(name)
        for argument in arguments { command.append(argument) }
        return try await send(command, timeout: timeout, idempotent: true)
    }

    /// A command that may run only once.
    func callOnce(_ name: String, _ arguments: String..., timeout: Duration? = nil) async throws -> RESPReply {
        var command = RESPCommand(name)
        for argument in arguments { command.append(argument) }
        return try await send(command, timeout: timeout, idempotent: false)
    }
}

extension RedisClient {
    /// A command that is not sent again, whatever Redis says.
    func callNow(_ name: String, _ arguments: String...) async throws -> RESPReply {
        var command = RESPCommand(name)
        for argument in arguments { command.append(argument) }
        return try await send(command, idempotent: false, retried: false)
    }
}

/// What was thrown, if it was a `RedisError`.
func redisError<Result>(_ body: () async throws -> Result) async -> RedisError? {
    do {
        _ = try await body()
        return nil
    } catch {
        return error as? RedisError
    }
}
