// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import Logging
import RedisServerFixture
import SpanQueueLoop
import Testing

@testable import HiredisClient

#if os(Linux)
    @Suite("Lone calls", .timeLimit(.minutes(2)))
    struct DirectCallTests {
        /// On a busy machine, too, a caller waits for its reply here.
        private var patient: RedisClient.Configuration {
            var configuration = RedisClient.Configuration()
            configuration.longestDirectWait = .seconds(60)
            return configuration
        }

        /// How often the thread of the client's loop went to sleep.
        private func sleeps() throws -> Int {
            for task in try FileManager.default.contentsOfDirectory(atPath: "/proc/self/task") {
                guard let status = try? String(contentsOfFile: "/proc/self/task/\(task)/status", encoding: .utf8),
                    status.hasPrefix("Name:\tlone-calls\n")
                else { continue }
                let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("voluntary_ctxt_switches") })
                return try #require(Int(line.split(separator: "\t")[1]))
            }
            throw CocoaError(.fileNoSuchFile)
        }

        private func withLoneClient(
            _ configuration: RedisClient.Configuration, _ body: (RedisClient) async throws -> Void
        ) async throws {
            let server = try await RedisServer.start([])
            defer { server.stop() }
            let loop = LoopThread(name: "lone-calls")
            defer { loop.stop() }
            let client = RedisClient(
                url: try RedisURL(server.url), name: "lone", configuration: configuration, loop: loop,
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
            do {
                try await client.connect()
                try await until { client.line.loan.tryTake() }
                #expect(client.line.loan.giveBack())
                try await body(client)
            } catch {
                await client.close()
                throw error
            }
            await client.close()
        }

        @Test("a thousand of them, one after the other, do not wake the loop")
        func sleepingLoop() async throws {
            try await withLoneClient(patient) { client in
                let before = try sleeps()
                for number in 1...1000 {
                    let count = try await client.lone("INCR", "k").integer()
                    #expect(count == Int64(number))
                }
                let after = try sleeps()
                #expect(after - before < 10)
            }
        }

        @Test("one that takes long is the loop's, and is answered; so are those behind it")
        func long() async throws {
            try await withLoneClient(.init()) { client in
                for number in 1...20 {
                    let none = try await client.lone("BLPOP", "none", "0.01")
                    #expect(none.isNull)
                    let echo = try await client.lone("ECHO", "\(number)").string()
                    #expect(echo == "\(number)")
                }
                #expect(await client.generation == 1)
                #expect(await client.pendingCount == 0)
            }
        }

        @Test("one that is cancelled while the loop waits for it ends at once, and its reply reaches nobody")
        func cancelled() async throws {
            try await withLoneClient(.init()) { client in
                let call = Task { try await client.lone("BLPOP", "none", "0.5") }
                try await until { await client.pendingCount == 1 }
                call.cancel()
                await #expect(throws: CancellationError.self) { try await call.value }
                #expect(await client.pendingCount == 1)
                let echo = try await client.lone("ECHO", "next").string()
                #expect(echo == "next")
                #expect(await client.generation == 1)
            }
        }

        @Test("none overtakes a call that its task has started before, whoever else calls meanwhile")
        func order() async throws {
            try await withLoneClient(patient) { client in
                let source = "return redis.call('RPUSH', KEYS[1], ARGV[1])"
                let script = RedisScript(name: "push", source: Array(source.utf8))
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for task in 0..<4 {
                        group.addTask {
                            for number in stride(from: 0, to: 1000, by: 2) {
                                let first = client.start(
                                    RedisScriptCall(script, keys: ["\(task)"]) { $0.append(number) }, idempotent: false)
                                _ = try await client.run(script, keys: ["\(task)"], idempotent: false) {
                                    $0.append(number + 1)
                                }
                                _ = try await first.value()
                            }
                        }
                    }
                    try await group.waitForAll()
                }
                for task in 0..<4 {
                    let list = try await client.lone(
                        "EVAL", "return table.concat(redis.call('LRANGE', KEYS[1], 0, -1), ' ')", "1", "\(task)")
                    #expect(try list.string() == (0..<1000).map(String.init).joined(separator: " "))
                }
            }
        }

        @Test("one whose connection is cut is not sent again, unless it may be", arguments: [false, true])
        func cut(_ isIdempotent: Bool) async throws {
            try await withLoneClient(patient) { client in
                let id = try await client.lone("CLIENT", "ID").integer()
                try await withClient(url: client.url.description) { other in
                    async let call = client.send(
                        RESPCommand("BLPOP", "wait", "30"), idempotent: isIdempotent)
                    try await until { try await other.call("INFO", "clients").string().contains("blocked_clients:1") }
                    _ = try await other.call("CLIENT", "KILL", "ID", "\(id)")
                    if isIdempotent {
                        _ = try await other.call("RPUSH", "wait", "x")
                        #expect(try await call.kind == .array)
                    } else {
                        do {
                            _ = try await call
                            Issue.record("it was answered")
                        } catch let error as RedisError {
                            #expect(error.code == .connectionLost)
                            #expect(error.mayHaveRun)
                        }
                    }
                }
                try await until { await client.isConnected }
                #expect(await client.generation == 2)
            }
        }

        @Test("an idle connection that is cut is replaced without a call")
        func idleCut() async throws {
            try await withLoneClient(patient) { client in
                let id = try await client.lone("CLIENT", "ID").integer()
                try await withClient(url: client.url.description) { other in
                    _ = try await other.call("CLIENT", "KILL", "ID", "\(id)")
                }
                try await until { await client.generation == 2 }
                let echo = try await client.lone("ECHO", "a").string()
                #expect(echo == "a")
            }
        }

        @Test("calls of other tasks leave when a lone one is answered, and all get their own replies")
        func crowd() async throws {
            try await withLoneClient(patient) { client in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for task in 0..<8 {
                        group.addTask {
                            for number in 0..<500 {
                                let text = "\(task):\(number)"
                                let echo = try await client.lone("ECHO", text).string()
                                #expect(echo == text)
                            }
                        }
                    }
                    try await group.waitForAll()
                }
                #expect(await client.generation == 1)
                try await until { await client.pendingCount == 0 }
            }
        }

        @Test("a connection that is to be given up, as when the primary has moved, is when its caller is answered")
        func dueLoss() async throws {
            try await withLoneClient(patient) { client in
                try await withClient(url: client.url.description) { other in
                    async let call = client.lone("BLPOP", "wait", "30")
                    try await until { try await other.call("INFO", "clients").string().contains("blocked_clients:1") }
                    await client.lose(RedisError(.connectionLost, "the primary is elsewhere now"))
                    _ = try await other.call("RPUSH", "wait", "x")
                    #expect(try await call.kind == .array)
                }
                try await until { await client.generation == 2 }
                let echo = try await client.lone("ECHO", "a").string()
                #expect(echo == "a")
            }
        }

        @Test("a client that is closed meanwhile ends it")
        func closed() async throws {
            try await withLoneClient(.init()) { client in
                async let error = redisError { try await client.lone("BLPOP", "none", "30") }
                try await until { await client.pendingCount == 1 }
                await client.close()
                #expect(await error?.code == .closed)
                #expect(await redisError { try await client.lone("PING") }?.code == .closed)
            }
        }
    }

    extension RedisClient {
        /// A command that may run only once, called from where the caller is.
        nonisolated fileprivate func lone(_ name: String, _ arguments: String...) async throws -> RESPReply {
            var command = RESPCommand(name)
            for argument in arguments { command.append(argument) }
            return try await send(command, idempotent: false)
        }
    }
#endif
