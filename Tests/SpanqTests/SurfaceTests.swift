// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import SpanQueueCommand
import Testing

@testable import spanq

/// Rules for all commands and options, also for those that come: they are read from the program.
@Suite("Every command and option", .timeLimit(.minutes(4)))
struct SurfaceTests {
    /// A value that is wrong, by the option's name; `command option` goes before that. Nil: any text will do.
    private static let bad: [String: String?] = [
        // Everywhere.
        "redis": "x", "engine-url": "x", "postgres-schema": "no schema", "config": "/nowhere/file", "log-level": "x",
        "log-format": "x", "redis-timeout": "x", "durability": "x", "redis-sentinel-tls": "x",
        "redis-sentinel-password": "env:NOWHERE", "redis-tls-ca": nil, "redis-tls-cert": nil, "redis-tls-key": nil,
        "redis-tls-server-name": nil, "redis-sentinel-user": nil, "redis-sentinel-tls-ca": nil,
        "redis-sentinel-tls-cert": nil, "redis-sentinel-tls-key": nil, "redis-sentinel-tls-server-name": nil,
        // Jobs and queues.
        "queue": "no queue", "id": "no id", "job list id": nil, "job bulk id": nil, "dead list id": nil, "type": nil,
        "enqueue type": "no type", "payload": nil, "file": "/nowhere/file", "batch": "/nowhere/file", "delay": "soon",
        "at": "noon", "max-retries": "-1", "timeout": "soon", "deadline": "noon", "unique": "x",
        "unique-key": "alone", "priority": "11", "retention": "x", "tag": nil, "enqueue tag": "no tag",
        "state": "x", "error": nil, "fingerprint": "x", "since": "noon", "until": "noon", "limit": "-1",
        "cursor": "x", "reason": nil, "action": "x", "width": "1", "trace-url": "x", "attempt-parent": "x",
        // The journal's filters, which stand for themselves.
        "by": nil, "journal action": nil, "journal queue": nil, "target": nil,
        // Workers and servers.
        "exec": "x", "http": "x", "listen": "nowhere:x", "slow-attempt": "x", "concurrency": "0", "queues": "a:x",
        "strict-queues": "a:1", "lease": "1ms", "drain-timeout": "x", "cancellation-grace": "x", "max-reclaims": "0",
        "unknown-type-delay": "x", "unknown-type-retries": "99", "retention-count": "x", "dead-retention": "x",
        "exec-timeout": "x", "exec-kill-grace": "x", "exec-pass-env": "A=B", "http-header": "x",
        "http-signing-key": "x", "http-timeout": "x", "http-allow-host": nil, "web": "nowhere:x",
        "web-users": "/nowhere/file", "web-host": nil, "web-user-header": "no header", "web-frame-ancestors": "*",
        "web-groups-header": "no header", "web-trusted-proxy": "x", "redact": "a..b", "web-trace-url": "x",
        "web-queue-url": "x", "dir": "/proc/nowhere", "redis-socket": "/" + String(repeating: "x", count: 200),
        "engine": "x", "postgres-bin": nil,
        // The rest.
        "name": "no name", "role": "x", "token make queues": "no queue", "only": "x", "jobs": "0", "workers": "0",
        "bench payload": "-1", "bench queues": "0", "depth": "-1", "part": "x", "prefix": "no prefix",
        "url": "no url", "from": "x", "to": "x", "wait": "soon",
        // They are spanq-gateway's, and GatewayCommandTests has a bad one.
        "gateway arguments": nil,
    ]

    /// What a command needs beside the bad value.
    private static let needs: [String: [String]] = [
        "worker": ["--exec", "a=/bin/true"], "job bulk": ["--state", "ready", "--yes"],
        "transfer": ["--from", "redis://127.0.0.1:1", "--to", "redis://127.0.0.1:2", "--queue", "a"],
        "queue purge": ["--yes"], "queue delete": ["--yes"], "dead purge": ["--yes"],
    ]

    private static let good = ["id": "x", "queue": "q", "type": "t", "action": "cancel", "name": "n", "payload": "{}"]

    /// The command line with a bad value for one argument, and good ones for those that must be there.
    private static func words(_ command: CommandSurface.Command, _ argument: CommandSurface.Argument, _ bad: String)
        -> [String]
    {
        var words = command.path + (needs[command.name] ?? [])
        for other in command.arguments where other.name != argument.name && other.hasValue {
            // No type, no ids: these commands want one all the same.
            let isWanted = !other.isOptional || ["enqueue", "dead redrive"].contains(command.name)
            guard isWanted, let value = good[other.name], other.name != "payload" else { continue }
            if ["batch"].contains(argument.name), other.name == "type" { continue }
            if other.isPositional {
                words.append(value)
            } else if !other.isOptional {
                words.append("--\(other.name)=\(value)")
            }
        }
        return words + [argument.isPositional ? bad : "--\(argument.name)=\(bad)"]
    }

    @Test("what can be told to be wrong without the engine is told before there is a connection")
    func judgedFirst() async throws {
        let surface = try await CommandSurface()
        let everywhere = Set(try #require(surface["queue list"]).arguments.map(\.name))
        let ofWorker = Set(try #require(surface["worker"]).arguments.map(\.name))
        var runs: [(words: [String], name: String, bad: String)] = []
        for command in surface.commands {
            for argument in command.arguments where argument.hasValue {
                // Once is enough for what is the same everywhere.
                if everywhere.contains(argument.name), command.name != "queue list" { continue }
                if command.name == "dev", ofWorker.contains(argument.name) { continue }
                let known = Self.bad["\(command.name) \(argument.name)"] ?? Self.bad[argument.name]
                guard let value = known else {
                    Issue.record("what is a bad value for \(argument.name) of spanq \(command.name)?")
                    continue
                }
                guard let value else { continue }
                runs.append((Self.words(command, argument, value), argument.name, value))
            }
        }
        #expect(runs.count > 100)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            for (index, run) in runs.enumerated() {
                if index >= 4 { try await tasks.next() }
                tasks.addTask {
                    // With nothing to be found in PATH, spanq dev does not stay where it should have refused its arguments.
                    let result = try await CommandRun.spanq(
                        run.words, redis: "unix:///nowhere/redis.sock", environment: ["PATH": "/nowhere"])
                    let line = "spanq \(run.words.joined(separator: " ")): \(result.errors)"
                    #expect(result.code == 2 && result.isOneErrorLine, "\(line)")
                    let names = [run.bad, run.name, run.name.replacing("-", with: " ")]
                    #expect(names.contains { result.errors.contains($0) }, "\(line)")
                }
            }
            try await tasks.waitForAll()
        }
    }

    @Test("what every command takes may stand before its name")
    func leading() async throws {
        let surface = try await CommandSurface()
        for argument in try #require(surface["queue list"]).arguments {
            guard argument.name != "help", argument.name != "version" else { continue }
            let value = argument.hasValue ? ["x"] : []
            let run = try await CommandRun.spanq(
                ["--\(argument.name)"] + value + ["health", "--url", "http://127.0.0.1:1/"])
            #expect(run.code == 1 && run.errors.contains("not ready"), "--\(argument.name): \(run.errors)")
        }
    }

    /// Why no test of this package names an option.
    private static let untested = [
        "help": "the parser's own", "version": "the parser's own",
        "redis-socket": "Scripts/demo and Tools/observability/live-stack use it",
        "examples": "Scripts/demo uses it",
        "http-signing-key": "docs/guides/http.md, which Scripts/test runs; the keys themselves have tests",
    ]

    @Test("every option is named in a test")
    func named() async throws {
        let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        let files = try #require(FileManager.default.enumerator(at: tests, includingPropertiesForKeys: nil))
        // Each of these is given to a worker, which must show it.
        var named = Set(WorkerFlagTests.given.map(\.setting.flag))
        for case let file as URL in files where ["swift", "py"].contains(file.pathExtension) {
            let words = try Data(contentsOf: file).split { !(97...122).contains($0) && $0 != 45 }
            for word in words where word.starts(with: "--".utf8) { named.insert(String(decoding: word, as: UTF8.self)) }
        }
        var unnamed: Set<String> = []
        for program in ["spanq", "spanq-demo"] {
            for command in try await CommandSurface(of: program).commands {
                for argument in command.arguments where !argument.isPositional && Self.untested[argument.name] == nil {
                    let isNamed = named.contains("--\(argument.name)")
                    if !isNamed { unnamed.insert("--\(argument.name) of \(program) \(command.name)") }
                }
            }
        }
        #expect(unnamed.isEmpty, "\(unnamed.sorted().joined(separator: ", ")): test them, or say above why not")
    }
}
