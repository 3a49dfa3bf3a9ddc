// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import RedisServerFixture
import Synchronization
import Testing

@testable import HiredisClient

@Suite("Failures", .timeLimit(.minutes(2)))
struct FailureTests {
    @Test("a command that is not answered in time drops the connection; the next ones get their own replies")
    func timeout() async throws {
        try await withClient { client, _ in
            try await client.connect()
            let slow = Task {
                await redisError { try await client.callOnce("DEBUG", "SLEEP", "6", timeout: .seconds(5)) }
            }
            try await until { await client.pendingCount > 0 }
            async let once = redisError { try await client.callOnce("ECHO", "once", timeout: .seconds(30)) }
            async let again = client.call("ECHO", "again", timeout: .seconds(30)).string()
            try await until { await client.hasWritten(3) }
            let error = await slow.value
            #expect(error?.code == .timeout)
            #expect(error?.mayHaveRun == true)
            #expect(await once?.code == .connectionLost)
            #expect(await once?.mayHaveRun == true)
            #expect(try await again == "again")
            #expect(await client.generation == 2)
        }
    }

    @Test("with the server killed and restarted under load, idempotent calls all succeed with their own replies")
    func restartUnderLoad() async throws {
        var configuration = RedisClient.Configuration()
        configuration.commandTimeout = .seconds(30)
        try await withClient(configuration: configuration) { client, server in
            let isOver = Flag()
            try await withThrowingTaskGroup(of: Int.self) { group in
                for worker in 0..<32 {
                    group.addTask {
                        var count = 0
                        while !isOver.isSet {
                            let text = "\(worker):\(count)"
                            let reply = try await client.call("ECHO", text).string()
                            #expect(reply == text)
                            count += 1
                        }
                        return count
                    }
                }
                for round in 1...3 {
                    try await until { await client.generation >= round }
                    try await Task.sleep(for: .milliseconds(50))
                    try await server.restart()
                }
                try await until { await client.generation >= 4 }
                isOver.set()
                for try await count in group { #expect(count > 0) }
            }
        }
    }

    @Test("commands that may run only once are not sent again when the connection breaks")
    func notResent() async throws {
        try await withClient { client, server in
            try await client.connect()
            server.signal(SIGSTOP)
            async let error = redisError { try await client.callOnce("INCR", "k") }
            try await until { await client.hasWritten(1) }
            server.kill()
            #expect(await error?.code == .connectionLost)
            #expect(await error?.mayHaveRun == true)
        }
    }

    @Test("with no server, a call fails at its deadline, naming the cause and not the password")
    func unreachable() async throws {
        // Time for one attempt at least: the deadline names the cause of the last that failed.
        let timeout = Duration.seconds(2)
        try await withClient(url: "unix://u:canary@/nowhere.sock") { client in
            let error = await redisError { try await client.call("PING", timeout: timeout) }
            #expect(error?.code == .unreachable)
            #expect(error?.mayHaveRun == false)
            #expect(error?.message.contains("unix://u:***@/nowhere.sock") == true)
            #expect(error?.message.contains("No such file") == true)
            let check = await redisError { try await client.connect(timeout: timeout) }
            #expect(check?.code == .unreachable)
        }
        try await withClient(url: "redis://127.0.0.1:1") { client in
            let error = await redisError { try await client.connect(timeout: timeout) }
            #expect(error?.message.contains("refused") == true)
        }
        try await withClient(url: "redis://no-such-host.invalid") { client in
            let error = await redisError { try await client.connect(timeout: timeout) }
            #expect(error?.code == .unreachable)
        }
    }

    @Test("over TCP, an address that answers is found behind one that does not")
    func addresses() async throws {
        // "localhost" is ::1 before 127.0.0.1 on most systems, and this server listens on the latter only.
        let port = Int.random(in: 20000..<60000)
        try await withClient("--port", "\(port)", "--bind", "127.0.0.1") { _, _ in
            try await withClient(url: "redis://localhost:\(port)") { client in
                let reply = try await client.call("PING").string()
                #expect(reply == "PONG")
            }
        }
    }

    @Test("what listens there but is not Redis is a protocol error, and closing fails what waits")
    func closing() async throws {
        try await withClient(url: "unix:///nowhere.sock") { client in
            async let waiting = redisError { try await client.call("PING", timeout: .seconds(60)) }
            async let check = redisError { try await client.connect(timeout: .seconds(60)) }
            try await until { await client.holdsOneOfEach }
            await client.close()
            #expect(await waiting?.code == .closed)
            #expect(await check?.code == .closed)
            #expect(await redisError { try await client.call("PING") }?.code == .closed)
        }
    }

    @Test("a server that is BUSY is waited for, by a command that may run only once too: it has not run")
    func busy() async throws {
        try await withClient("--busy-reply-threshold", "10") { client, server in
            _ = try await client.call("SET", "k", "v")
            try await withClient(url: server.url) { other in
                let script = "local stop = redis.call('TIME')[1] + 2 repeat until redis.call('TIME')[1] + 0 >= stop"
                let busy = Task { try? await other.callOnce("EVAL", script, "0") }
                try await until { await redisError { try await client.callNow("GET", "k") }?.code == .busy }
                #expect(try await client.callOnce("GET", "k").string() == "v")
                _ = await busy.value
            }
        }
    }

    @Test("a primary that becomes a replica costs the connection; commands wait for a primary, and run once")
    func readOnly() async throws {
        try await withClient { client, server in
            _ = try await client.call("REPLICAOF", "127.0.0.1", "1")
            #expect(await redisError { try await client.callNow("SET", "k", "v") }?.code == .readOnly)
            try await until { await client.generation > 1 }
            async let reply = client.call("SET", "k", "v", timeout: .seconds(60)).string()
            // A worker's claims are such commands.
            async let once = client.callOnce("INCR", "once", timeout: .seconds(60)).integer()
            try await until { await client.generation > 2 }
            try await withClient(url: server.url) { _ = try await $0.call("REPLICAOF", "NO", "ONE") }
            #expect(try await reply == "OK")
            #expect(try await once == 1)
        }
    }

    @Test("what Redis has refused until the deadline has not run, and the caller is told so")
    func refusedToTheEnd() async throws {
        try await withClient("--min-replicas-to-write", "1") { client, _ in
            let error = await redisError { try await client.callOnce("INCR", "k", timeout: .milliseconds(300)) }
            #expect(error?.code == .noReplicas)
            #expect(error?.mayHaveRun == false)
            async let count = client.callOnce("INCR", "k", timeout: .seconds(60)).integer()
            try await until { await client.hasParked }
            _ = try await client.call("CONFIG", "SET", "min-replicas-to-write", "0")
            #expect(try await count == 1)
        }
    }

    @Test("a pop that is given up by a primary that becomes a replica ends, and costs the connection")
    func unblocked() async throws {
        try await withClient { client, server in
            async let popped = redisError { try await client.callOnce("BLPOP", "k", "60", timeout: .seconds(60)) }
            try await until { await client.hasWritten(1) }
            try await withClient(url: server.url) { other in
                try await until { try await other.call("INFO", "clients").string().contains("blocked_clients:1") }
                _ = try await other.call("REPLICAOF", "127.0.0.1", "1")
            }
            let error = await popped
            #expect(error?.code == .unblocked)
            #expect(error?.mayHaveRun == false)
            #expect(await !client.isConnected)
        }
    }
}

private final class Flag: Sendable {
    private let value = Atomic<Bool>(false)
    var isSet: Bool { value.load(ordering: .relaxed) }

    func set() { value.store(true, ordering: .relaxed) }
}
