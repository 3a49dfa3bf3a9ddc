// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import RedisServerFixture
import Testing

@Suite("As the first process of a container", .serialized, .enabled(if: geteuid() == 0))
struct FirstProcessTests {
    /// Numbers and states of the children of a process.
    private static func children(of parent: Int32) -> [(pid: Int32, state: Character)] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return names.compactMap { name in
            guard let pid = Int32(name), let stat = try? String(contentsOfFile: "/proc/\(name)/stat", encoding: .utf8),
                let end = stat.lastIndex(of: ")")
            else { return nil }
            let fields = stat[end...].dropFirst(2).split(separator: " ")
            guard fields.count > 1, Int32(fields[1]) == parent, let state = fields[0].first else { return nil }
            return (pid, state)
        }
    }

    @Test("a worker waits for what programs leave behind, while it runs others")
    func orphans() async throws {
        let server = try await RedisServer.start()
        defer { server.stop() }
        let lines = String(repeating: #"{"type":"a"}"# + "\n", count: 20)
        _ = try await CommandRun.spanq("enqueue", "--batch", "-", redis: server.url, input: lines)
        // Longer than the leftover time: that zombie stays first in the line of children for all the time.
        _ = try await CommandRun.spanq("enqueue", "long", redis: server.url)
        let orphan = "sh -c 'cat >/dev/null; setsid sh -c \"sleep 0.3\" >/dev/null 2>&1 &'"
        let run = try FaultedRun(
            ["worker", "--listen", "none", "--exec", "a=\(orphan)", "--exec", "long=sleep 60"], redis: server.url,
            wrapper: ["/usr/bin/unshare", "--pid", "--fork", "--kill-child", "--mount-proc"])
        try await until("the jobs") { try await count("completed", of: "default", server.url) == 20 }
        let worker = try #require(Self.children(of: run.pid).first?.pid)
        // All 20 become its children, end, and are gone.
        try await until("no zombie") {
            let children = Self.children(of: worker)
            return children.count == 1 && children.allSatisfy { $0.state != "Z" }
        }
        try await until("its end") {
            kill(worker, SIGTERM)
            return !run.isRunning
        }
    }
}
