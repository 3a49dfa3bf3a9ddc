// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import RedisServerFixture
import Testing

@testable import spanq

@Suite("With few descriptors", .serialized)
struct OpenFileTests {
    private static let commands: [[String]] = [
        ["worker", "--once", "--exec", "*=/bin/true"], ["worker", "--once", "--http", "*=http://127.0.0.1:1/"],
        ["worker", "--exec", "*=/bin/true", "--listen", "127.0.0.1:0"], ["serve", "--listen", "127.0.0.1:0"],
        ["queue", "stats"], ["dev", "--json", "--listen", "127.0.0.1:0"], ["enqueue", "a"], ["audit"],
        ["bench", "--only", "enqueue-bulk", "--jobs", "10"],
    ]

    @Test("a command says so in one line, or works, and never traps", arguments: commands)
    func few(command: [String]) async throws {
        let server = try await RedisServer.start()
        defer { server.stop() }
        var refused = 0
        for limit in [5, 6, 7, 8, 10, 12, 16, 20, 24, 28, 36, 44, OpenFiles.forService + 8] {
            let run = try FaultedRun(
                command + ["--log-level", "critical"], redis: command[0] == "dev" ? nil : server.url,
                wrapper: ["/usr/bin/prlimit", "--nofile=\(limit):\(limit)"])
            let stays = ["serve", "dev"].contains(command[0]) || command[0] == "worker" && !command.contains("--once")
            if stays {
                // It is at work when it is told to end, or has ended itself.
                try await until("a decision of \(command) with \(limit)") {
                    let isReady = command[0] == "dev" ? run.output.contains("redis_url") : hasHandlers(run.pid)
                    return isReady || !run.isRunning
                }
                run.signal(SIGTERM)
            }
            let code = try await run.ended()
            let lines = run.errors.split(separator: "\n")
            if code == 1 {
                refused += 1
                #expect(lines.count == 1 && lines[0].hasPrefix("spanq: only "), "\(limit): \(lines)")
            } else {
                #expect(code == 0, "\(command) with \(limit): \(code), \(lines)")
            }
        }
        #expect(refused > 0)
    }

    /// Whether a process catches SIGTERM.
    private func hasHandlers(_ pid: Int32) -> Bool {
        let status = (try? String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)) ?? ""
        guard let line = status.split(separator: "\n").first(where: { $0.hasPrefix("SigCgt:") }),
            let mask = UInt64(line.dropFirst(7).trimmingCharacters(in: .whitespaces), radix: 16)
        else { return false }
        return mask & (1 << UInt64(SIGTERM - 1)) != 0
    }

    @Test("the soft limit is raised for us, and programs get the one that we were given")
    func raised() async throws {
        let server = try await RedisServer.start()
        defer { server.stop() }
        _ = try await CommandRun.spanq("enqueue", "a", "--id", "j", redis: server.url)
        let run = try FaultedRun(
            [
                "worker", "--once", "--exec",
                "a=sh -c 'ulimit -n; grep -c . /proc/$PPID/limits; grep open /proc/$PPID/limits'",
            ],
            redis: server.url, wrapper: ["/usr/bin/prlimit", "--nofile=200:300"])
        #expect(try await run.ended() == 0)
        let job = try await CommandRun.spanq("job", "show", "j", "--json", redis: server.url)
        let result = (job.object["result"] as? String)?.split(separator: "\n") ?? []
        #expect(result.first == "200")
        #expect(result.last?.split(separator: " ").dropFirst(3).prefix(2) == ["300", "300"])
    }
}
