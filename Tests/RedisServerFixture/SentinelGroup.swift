// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation

/// A primary, its replicas, and Sentinels that watch them: each a redis-server of its own, on a free port of the loopback.
package final class SentinelGroup: Sendable {
    package static let service = "mymaster"
    package static let user = "spanq"

    /// One server, with the port on which the others find it.
    package struct Node: Sendable {
        package let server: RedisServer
        package let port: Int
        /// What redis-cli needs to be let in.
        fileprivate var access: [String] = []

        /// Sends a command as redis-cli does; its output, without the last line break.
        @discardableResult
        package func cli(_ arguments: String...) throws -> String {
            try SentinelGroup.run("redis-cli", ["-p", "\(port)"] + access + arguments)
        }
    }

    /// The first is the primary at the start.
    package let servers: [Node]
    package let sentinels: [Node]
    private let isEncrypted: Bool

    /// Starts all, and waits until all Sentinels know of all.
    ///
    /// - Parameters:
    ///   - replicas: how many there are.
    ///   - downAfter: after how long without an answer a Sentinel takes a server for dead.
    ///   - password: of the only user of the Sentinels, ``user``, if there is to be one.
    ///   - servers: more arguments.
    ///   - authority: signs the certificate of all of them and of whoever comes; they then speak TLS, and nothing but TLS.
    ///   - names: whom that certificate is for, as `TLSAuthority.sign` takes them; nil for the loopback.
    package static func start(
        replicas: Int = 1, downAfter: Duration = .seconds(1), servers extra: [String] = [], password: String? = nil,
        authority: TLSAuthority? = nil, names: String? = nil
    ) async throws -> SentinelGroup {
        let users = password.map { password in
            """
            user default off
            user \(user) on >\(password) allchannels +@all
            sentinel sentinel-user \(user)
            sentinel sentinel-pass \(password)
            """
        }
        let credentials = password.map { ["--user", user, "--pass", $0, "--no-auth-warning"] } ?? []
        let identity = try names.map { try authority?.sign("node", for: $0) } ?? authority?.sign("node")
        let encryption = authority.flatMap { authority in
            identity.map {
                [
                    "tls-cert-file": $0.certificate, "tls-key-file": $0.key,
                    "tls-ca-cert-file": authority.certificate, "tls-replication": "yes",
                ]
            }
        }
        let access = authority.flatMap { authority in
            identity.map {
                ["--tls", "--cacert", authority.certificate, "--cert", $0.certificate, "--key", $0.key]
            }
        }
        let portName = encryption == nil ? "port" : "tls-port"
        var servers: [Node] = []
        var sentinels: [Node] = []
        do {
            for number in 0...replicas {
                let port = try freePort()
                var arguments = ["--\(portName)", "\(port)", "--repl-diskless-sync-delay", "0"]
                for (name, value) in encryption ?? [:] { arguments += ["--\(name)", value] }
                if number > 0 { arguments += ["--replicaof", "127.0.0.1 \(servers[0].port)"] }
                servers.append(
                    Node(server: try await RedisServer.start(arguments + extra), port: port, access: access ?? []))
            }
            for node in servers.dropFirst() {
                try await wait("a replica to follow") {
                    try node.cli("INFO", "replication").contains("master_link_status:up")
                }
            }
            for _ in 0..<3 {
                let port = try freePort()
                let milliseconds = downAfter.components.seconds * 1000
                let encrypted = (encryption ?? [:]).map { "\($0.key) \($0.value)" }.joined(separator: "\n")
                let text = """
                    \(encryption == nil ? "" : "port 0")
                    \(portName) \(port)
                    \(encrypted)
                    sentinel monitor \(service) 127.0.0.1 \(servers[0].port) 2
                    sentinel down-after-milliseconds \(service) \(milliseconds)
                    sentinel failover-timeout \(service) 10000
                    sentinel parallel-syncs \(service) 1
                    \(users ?? "")
                    """
                sentinels.append(
                    Node(
                        server: try await RedisServer.startSentinel(text), port: port,
                        access: credentials + (access ?? [])))
            }
            let group = SentinelGroup(servers: servers, sentinels: sentinels, isEncrypted: authority != nil)
            try await group.waitUntilComplete(replicas: replicas)
            return group
        } catch {
            for node in servers + sentinels { node.server.stop() }
            throw error
        }
    }

    private init(servers: [Node], sentinels: [Node], isEncrypted: Bool) {
        self.servers = servers
        self.sentinels = sentinels
        self.isEncrypted = isEncrypted
    }

    package func stop() {
        for node in servers + sentinels {
            node.server.signal(SIGCONT)
            node.server.stop()
        }
    }

    /// For clients.
    package var url: String {
        "\(isEncrypted ? "rediss" : "redis")-sentinel://\(sentinels.map { "127.0.0.1:\($0.port)" }.joined(separator: ","))/\(Self.service)"
    }

    /// The port of the primary that a Sentinel names.
    package func primary(by sentinel: Int = 0) throws -> Int? {
        let lines = try sentinels[sentinel].cli("SENTINEL", "GET-MASTER-ADDR-BY-NAME", Self.service)
        return lines.split(separator: "\n").last.flatMap { Int($0) }
    }

    /// Waits until a Sentinel knows of the replicas that are there, and of the other Sentinels.
    package func waitUntilComplete(replicas: Int) async throws {
        for node in sentinels {
            try await Self.wait("the Sentinels to know all") {
                let master = try node.cli("SENTINEL", "MASTER", Self.service).split(separator: "\n")
                func value(_ name: Substring) -> String {
                    master.firstIndex(of: name).flatMap { $0 + 1 < master.count ? String(master[$0 + 1]) : nil } ?? ""
                }
                let replicasText = try node.cli("SENTINEL", "REPLICAS", Self.service)
                let up = replicasText.split(separator: "\n").count { $0 == "ok" }
                return value("num-slaves") == "\(replicas)" && value("num-other-sentinels") == "2" && up == replicas
                    && value("flags") == "master"
            }
        }
    }

    private static func wait(_ what: String, _ condition: () throws -> Bool) async throws {
        let deadline = ContinuousClock.now + .seconds(60)
        while try !condition() {
            guard ContinuousClock.now < deadline else { throw RedisServerError("waited for \(what)") }
            try await Task.sleep(for: .milliseconds(50))
        }
    }

    fileprivate static func run(_ program: String, _ arguments: [String]) throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [program] + arguments
        process.standardInput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return text.trimmingCharacters(in: .newlines)
    }
}
