// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import GRPCCore
import GRPCNIOTransportHTTP2Posix
import HeldProcess
import RedisServerFixture
import SpanQueueProto
import SwiftProtobuf
import Testing

/// What the built `spanq-gateway` is told by flags, variables and a configuration file: the same as `spanq`.
@Suite("The gateway's settings", .serialized, .timeLimit(.minutes(3)))
struct GatewaySettingsTests {
    private struct Run {
        let code: Int32
        let output: String
        let errors: String

        /// What is in effect: each key's value, and where it is from.
        var settings: [String: [String: String]] {
            var found: [String: [String: String]] = [:]
            for line in output.split(separator: "\n") {
                let entry = (try? JSONSerialization.jsonObject(with: Data(line.utf8))) as? [String: String] ?? [:]
                if let key = entry["key"] { found[key] = entry }
            }
            return found
        }
    }

    private static let products = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath()
        .deletingLastPathComponent()

    private func run(
        _ program: String, _ arguments: [String], _ environment: [String: String] = [:]
    ) throws -> Run {
        let process = Process()
        process.executableURL =
            program.hasPrefix("/") ? URL(fileURLWithPath: program) : Self.products.appendingPathComponent(program)
        process.arguments = arguments
        process.environment = environment
        let (output, errors) = (Pipe(), Pipe())
        process.standardOutput = output
        process.standardError = errors
        process.standardInput = FileHandle.nullDevice
        try process.run()
        let texts = [output, errors].map {
            String(decoding: $0.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        }
        process.waitUntilExit()
        return Run(code: process.terminationStatus, output: texts[0], errors: texts[1])
    }

    private enum Way: String, CaseIterable { case flag, variable, file }

    /// The same settings given to both programs in one way; what each says of them.
    private func both(_ settings: [String: String], _ way: Way, _ directory: URL) throws -> (spanq: Run, gateway: Run) {
        var arguments: [String] = []
        var environment: [String: String] = [:]
        switch way {
        case .flag:
            for (key, value) in settings {
                let flag = ["url": "engine-url", "redis-url": "redis"][key] ?? key
                arguments += key == "allow-eviction" ? ["--\(flag)"] : ["--\(flag)", value]
            }
        case .variable:
            for (key, value) in settings {
                environment["SPANQ_" + key.uppercased().replacing("-", with: "_")] = value
            }
        case .file:
            let file = directory.appendingPathComponent("spanq.yaml")
            let lines = settings.map { "\($0): \"\($1)\"\n" }.joined()
            try lines.write(to: file, atomically: true, encoding: .utf8)
            arguments = ["--config", file.path]
        }
        let gateway = arguments.map { $0 == "--listen" ? "--metrics-listen" : $0 }
        return (
            try run("spanq", ["worker", "--print-config", "--json"] + arguments, environment),
            try run("spanq-gateway", ["--print-config"] + gateway, environment)
        )
    }

    @Test("takes each setting of the store, the log and telemetry that spanq takes, by flag, variable and file")
    func same() async throws {
        let settings = [
            "redis-url": "redis-sentinel://u:canary@h:1/mymaster", "postgres-schema": "other", "redis-timeout": "7s",
            "redis-tls-ca": "/ca", "redis-tls-cert": "/crt", "redis-tls-key": "/key", "redis-tls-server-name": "n",
            "redis-sentinel-user": "s", "redis-sentinel-password": "canary", "redis-sentinel-tls": "true",
            "redis-sentinel-tls-ca": "/sca", "redis-sentinel-tls-cert": "/scrt", "redis-sentinel-tls-key": "/skey",
            "redis-sentinel-tls-server-name": "sn", "allow-eviction": "true", "durability": "wait:2",
            "log-level": "debug", "log-format": "json", "listen": "127.0.0.1:1", "slow-attempt": "5s",
            "attempt-parent": "link", "drain-timeout": "9s", "retention": "2h", "retention-count": "7",
            "dead-retention": "3h",
        ]
        try await withDirectory { directory in
            for way in Way.allCases {
                let (spanq, gateway) = try both(settings, way, directory)
                #expect(spanq.code == 0 && gateway.code == 0, "\(way): \(spanq.errors)\(gateway.errors)")
                for key in settings.keys {
                    var wanted = try #require(spanq.settings[key], "\(key)")
                    #expect(wanted["source"] != "default", "\(way): \(key)")
                    if way == .flag, key == "listen" { wanted["source"] = "--metrics-listen" }
                    #expect(gateway.settings[key] == wanted, "\(way): \(key)")
                }
                #expect(!gateway.output.contains("canary") && !gateway.errors.contains("canary"))
            }
            let postgres = try both(["url": "postgres://u:canary@h/d"], .variable, directory).gateway
            #expect(postgres.settings["url"]?["value"] == "postgres://u@h/d", "\(postgres)")
            // Nearer places go first, and --url is another name.
            let nearer = try run(
                "spanq-gateway", ["--print-config", "--url", "redis://near:1"], ["SPANQ_URL": "redis://far:1"])
            #expect(nearer.settings["url"]?["value"]?.hasPrefix("redis://near:1") == true)
            #expect(nearer.settings["url"]?["source"] == "--url")
        }
    }

    @Test("has its own settings in the file too, by names that begin with gateway-")
    func own() async throws {
        try await withDirectory { directory in
            let file = directory.appendingPathComponent("spanq.yaml")
            let text = """
                gateway-listen: 127.0.0.1:1
                gateway-max-payload: 2048
                gateway-users: /users
                gateway-tls-cert: /crt
                gateway-tls-key: /key
                gateway-tls-client-ca: /ca
                gateway-allow-plaintext: true
                gateway-allow-anyone: "yes"
                gateway-connection-age: 5m
                gateway-redact: [password, card.number]
                concurrency: 3
                """
            try text.write(to: file, atomically: true, encoding: .utf8)
            let file1 = try run("spanq-gateway", ["--print-config", "--config", file.path])
            #expect(file1.code == 0 && file1.errors.isEmpty, "\(file1.errors)")
            let values = file1.settings.filter { $0.key.hasPrefix("gateway-") }.mapValues { $0["value"] }
            #expect(
                values == [
                    "gateway-listen": "127.0.0.1:1", "gateway-max-payload": "2048", "gateway-users": "/users",
                    "gateway-user-list": "none", "gateway-tls-cert": "/crt", "gateway-tls-key": "/key",
                    "gateway-tls-client-ca": "/ca", "gateway-allow-plaintext": "true", "gateway-allow-anyone": "true",
                    "gateway-connection-age": "5m", "gateway-redact": "password,card.number",
                ])
            // The same file is spanq's.
            let spanq = try run("spanq", ["worker", "--print-config", "--json", "--config", file.path])
            #expect(spanq.code == 0 && spanq.errors.isEmpty && spanq.settings["concurrency"]?["value"] == "3")
            let nearer = try run(
                "spanq-gateway", ["--print-config", "--config", file.path, "--listen", "127.0.0.1:2"],
                ["SPANQ_GATEWAY_MAX_PAYLOAD": "4096"])
            #expect(nearer.settings["gateway-listen"]?["source"] == "--listen")
            #expect(nearer.settings["gateway-max-payload"]?["source"] == "SPANQ_GATEWAY_MAX_PAYLOAD")
            #expect(nearer.settings["gateway-connection-age"]?["source"] == "gateway-connection-age in \(file.path)")
        }
    }

    @Test("what is wrong is one line that names its source, the same that spanq says")
    func wrong() async throws {
        let cases: [(key: String, value: String, way: Way)] = [
            ("redis-url", "http://x", .flag), ("url", "ftp://x", .variable), ("postgres-schema", "no good", .file),
            ("redis-timeout", "1", .file), ("redis-timeout", "1ms", .flag), ("redis-sentinel-tls", "maybe", .variable),
            ("redis-sentinel-password", "file:/nonexistent", .file), ("durability", "wait:99", .flag),
            ("log-level", "loud", .variable), ("log-format", "xml", .flag), ("slow-attempt", "5000", .file),
            ("attempt-parent", "none", .flag), ("retention-count", "many", .variable), ("listen", "nowhere", .file),
            ("drain-timeout", "48h", .flag), ("allow-eviction", "perhaps", .file),
        ]
        try await withDirectory { directory in
            for (key, value, way) in cases {
                let (spanq, gateway) = try both([key: value], way, directory)
                #expect(spanq.code == 2 && gateway.code == 2, "\(key): \(spanq.errors)\(gateway.errors)")
                #expect(gateway.errors == "spanq-gateway" + spanq.errors.dropFirst("spanq".count), "\(key)")
                #expect(gateway.errors.split(separator: "\n").count == 1)
            }
            let empty = ["--metrics-listen", "none", "--listen", "127.0.0.1:0"]
            for (arguments, environment, words) in [
                (["--metrics-listen", "nowhere"], [:], "--metrics-listen: "),
                (["--listen", "nowhere"], [:], "--listen: "), (["--listen", "none"], [:], "serves nothing"),
                (["--url", "redis://a", "--engine-url", "redis://b"], [:], "--url and --engine-url are the same"),
                (["--url", "redis://a", "--redis", "redis://b"], [:], "--url and --redis both say where"),
                (["--max-payload", "3145729"], [:], "--max-payload: "),
                (["--max-payload", "much"], [:], "whole number"),
                (["--connection-age", "long"], [:], "--connection-age: "), (["--redact", "a..b"], [:], "--redact: "),
                (["--tls-cert", "/crt"], [:], "--tls-key"), (["--config", "/nonexistent"], [:], "can't be read"),
                (["--nonsense"], [:], "Unknown option '--nonsense': see spanq gateway --help"),
                ([], ["SPANQ_GATEWAY_ALLOW_ANYONE": "perhaps"], "SPANQ_GATEWAY_ALLOW_ANYONE: "),
                ([], ["SPANQ_GATEWAY_USER_LIST": "ada"], "SPANQ_GATEWAY_USER_LIST: "),
                (
                    ["--users", "/users"], ["SPANQ_GATEWAY_USER_LIST": "ada admin * -"],
                    "--users and SPANQ_GATEWAY_USER_LIST exclude each other"
                ),
                // Of the engine itself, when it is made.
                (empty, ["SPANQ_REDIS_SENTINEL_TLS_CA": "/ca"], "no effect"),
                (empty + ["--redis-tls-ca", "/ca", "--redis", "redis://h:1"], [:], "TLS settings have no effect"),
            ] as [([String], [String: String], String)] {
                let found = try run("spanq-gateway", arguments, environment)
                #expect(found.code == 2, "\(arguments) \(environment): \(found)")
                #expect(found.errors.contains(words), "\(words): \(found.errors)")
                #expect(found.errors.split(separator: "\n").last?.hasPrefix("spanq-gateway: ") == true)
            }
            let script = "SPANQ_LOG_LEVEL=$(printf '\\377') exec \"$0\" --print-config"
            let bytes = try run(
                "/bin/sh", ["-c", script, Self.products.appendingPathComponent("spanq-gateway").path])
            #expect(bytes.code == 2 && bytes.errors.contains("SPANQ_LOG_LEVEL is not UTF-8"), "\(bytes)")
            let file = directory.appendingPathComponent("odd.yaml")
            try "gateway-lisen: x\n".write(to: file, atomically: true, encoding: .utf8)
            let odd = try run("spanq-gateway", ["--print-config", "--config", file.path])
            #expect(odd.code == 0)
            #expect(odd.errors == "spanq-gateway: warning: \(file.path) has keys without a meaning: gateway-lisen\n")
        }
    }

    @Test("works behind Sentinels, told by a configuration file, and goes on with the next primary")
    func sentinels() async throws {
        let group = try await SentinelGroup.start(password: "sentinels-only")
        defer { group.stop() }
        try await withDirectory { directory in
            let secret = directory.appendingPathComponent("secret")
            try "sentinels-only\n".write(to: secret, atomically: true, encoding: .utf8)
            let file = directory.appendingPathComponent("spanq.yaml")
            let port = try freePort()
            func write(_ password: String) throws {
                let text = """
                    redis-url: \(group.url)
                    redis-sentinel-user: \(SentinelGroup.user)
                    redis-sentinel-password: \(password)
                    redis-timeout: 2s
                    gateway-listen: 127.0.0.1:\(port)
                    listen: none
                    """
                try text.write(to: file, atomically: true, encoding: .utf8)
            }
            try write("another")
            let refused = try run("spanq-gateway", ["--config", file.path])
            #expect(refused.code == 4, "\(refused)")
            #expect(refused.errors.split(separator: "\n").last?.hasPrefix("spanq-gateway: ") == true, "\(refused)")
            #expect(!refused.errors.contains("another"))

            try write("file:\(secret.path)")
            let held = try HeldProcess([
                Self.products.appendingPathComponent("spanq-gateway").path, "--config", file.path,
            ])
            defer { held.end() }
            try await withGRPCClient(transport: .plain(port)) { client in
                let calls = WorkCalls()
                defer { calls.cancel() }
                try await WorkCalls.$current.withValue(calls) {
                    let producer = Wire.Producer.Client(wrapping: client)
                    var options = CallOptions.defaults
                    options.waitForReady = true
                    func enqueue(_ id: String) async throws {
                        _ = try await producer.enqueue(
                            .with {
                                $0.queue = "q"
                                $0.type = "t"
                                $0.id = id
                            }, options: options)
                    }
                    let call = try await WorkCall.open(.init(wrapping: client), credits: 2)
                    try await enqueue("first")
                    call.complete(try await call.jobs(1))
                    try await eventually("the first is settled") { call.settlements.last?.outcome == .settled }
                    group.servers[0].server.signal(SIGKILL)
                    try await eventually("the next primary takes jobs", within: .seconds(60)) {
                        do {
                            try await enqueue("second")
                            return true
                        } catch is RPCError {
                            return false
                        }
                    }
                    try await eventually("the second has come", within: .seconds(60)) { call.jobs.count >= 2 }
                    let second = try #require(call.jobs.last)
                    #expect(second.id == "second")
                    call.complete([second])
                    try await eventually("the second is settled", within: .seconds(60)) {
                        call.settlements.contains { $0.claim == second.claim && $0.outcome == .settled }
                    }
                }
            }
        }
    }
}
