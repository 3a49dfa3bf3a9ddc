// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import NIOConcurrencyHelpers
import RedisServerFixture
import Testing

@testable import HiredisClient

@Suite("Client and server", .timeLimit(.minutes(2)))
struct ClientTests {
    @Test("1,000 tasks at once each get their own reply")
    func concurrency() async throws {
        try await withClient { client, _ in
            await withTaskGroup(of: Bool.self) { group in
                for index in 0..<1000 {
                    group.addTask { (try? await client.call("ECHO", "\(index)").string()) == "\(index)" }
                }
                for await isRight in group { #expect(isRight) }
            }
        }
    }

    @Test("a pipeline gets all its replies in order, and an error only where it belongs")
    func pipeline() async throws {
        try await withClient { client, _ in
            var commands = (0..<5000).map { RESPCommand("ECHO", "\($0)") }
            commands[7] = RESPCommand("NOSUCH")
            let results = try await client.pipeline(commands, idempotent: true)
            #expect(results.count == 5000)
            for (index, result) in results.enumerated() where index != 7 {
                #expect(try result.get().string() == "\(index)")
            }
            #expect(throws: RedisError.self) { try results[7].get() }
            #expect(try await client.pipeline([RESPCommand](), idempotent: true).isEmpty)
        }
    }

    @Test("a reply of 10 MB arrives whole, and so does a command of that size")
    func large() async throws {
        try await withClient { client, _ in
            let value = [UInt8](unsafeUninitializedCapacity: 10_000_000) { buffer, count in
                for index in 0..<10_000_000 { buffer[index] = UInt8(truncatingIfNeeded: index &* 31) }
                count = 10_000_000
            }
            var set = RESPCommand("SET", "k")
            set.append(value)
            _ = try await client.send(set, idempotent: true)
            #expect(try await client.call("GET", "k").optionalBytes() == value)
        }
    }

    @Test("the database in the URL is the one that is used")
    func database() async throws {
        try await withClient { client, server in
            try await withClient(url: server.url + "?db=3") { third in
                _ = try await third.call("SET", "k", "v")
                #expect(try await client.call("EXISTS", "k").integer() == 0)
                _ = try await client.call("SELECT", "3")
                #expect(try await client.call("EXISTS", "k").integer() == 1)
            }
            let error = await redisError {
                try await withClient(url: server.url + "?db=999") {
                    try await $0.connect(timeout: .milliseconds(200))
                }
            }
            #expect(error?.message.contains("database") == true)
        }
    }

    @Test("a user signs in, and a wrong password is told at once without repeating it")
    func authentication() async throws {
        try await withClient { client, server in
            _ = try await client.call("ACL", "SETUSER", "worker", "on", ">canary-1", "~*", "+@all")
            let path = server.socketPath
            try await withClient(url: "unix://worker:canary-1@\(path)") { worker in
                let user = try await worker.call("ACL", "WHOAMI").string()
                let name = try await worker.call("CLIENT", "GETNAME").string()
                #expect((user, name) == ("worker", "test"))
            }
            let start = ContinuousClock.now
            let error = await redisError {
                try await withClient(url: "unix://worker:canary-2@\(path)") {
                    try await $0.connect(timeout: .seconds(60))
                }
            }
            #expect(error?.code == .authentication)
            #expect(start.duration(to: .now) < .seconds(30))
            #expect(error.map { "\($0)" }?.contains("canary") == false)
        }
    }

    @Test("errors of the server have their codes")
    func errors() async throws {
        try await withClient { client, _ in
            _ = try await client.call("SET", "k", "text")
            #expect(await redisError { try await client.call("LPUSH", "k", "x") }?.code == .wrongType)
            #expect(await redisError { try await client.call("INCR", "k") }?.code == .other("ERR"))
            _ = try await client.call("CONFIG", "SET", "maxmemory", "1")
            let full = await redisError { try await client.call("SET", "a", "b") }
            #expect(full?.code == .outOfMemory)
            #expect(full?.mayHaveRun == false)
        }
    }

    @Test("every command is observed when it ends, with its name and its error")
    func observer() async throws {
        let seen = Seen()
        var configuration = RedisClient.Configuration()
        configuration.observer = { name, _, error in seen.all.withLockedValue { $0.append((name, error?.code)) } }
        try await withClient(configuration: configuration) { client, _ in
            _ = try await client.call("PING")
            _ = await redisError { try await client.call("NOSUCH") }
        }
        #expect(seen.all.withLockedValue { $0.map(\.0) } == ["PING", "NOSUCH"])
        #expect(seen.all.withLockedValue { $0.map(\.1) } == [nil, .unsupported])
    }

    @Test("more than may wait is refused at once")
    func overload() async throws {
        var configuration = RedisClient.Configuration()
        configuration.maximumPendingCommands = 10
        configuration.commandTimeout = .milliseconds(200)
        try await withClient(url: "unix:///nowhere.sock", configuration: configuration) { client in
            let results = try await client.pipeline((0..<12).map { _ in RESPCommand("PING") }, idempotent: true)
            let codes = results.map { result in
                if case .failure(let error) = result { error.code } else { RedisError.Code?.none }
            }
            #expect(codes == Array(repeating: .unreachable, count: 10) + [.overloaded, .overloaded])
        }
    }
}

private final class Seen: Sendable {
    let all = NIOLockedValueBox<[(String, RedisError.Code?)]>([])
}
