// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import RedisServerFixture
import Testing

@Suite("Output that can't be written", .serialized)
struct OutputFailureTests {
    /// Every kind of command that prints something and ends.
    private static let commands: [[String]] = [
        ["--help"], ["help", "worker"], ["version"], ["--version"], ["version", "--json"], ["enqueue", "--help"],
        ["--generate-completion-script", "bash"], ["--generate-completion-script", "zsh"],
        ["queue", "list"], ["queue", "stats"], ["queue", "stats", "--json"], ["job", "list"],
        ["job", "list", "--limit", "0", "--json"], ["job", "show", "j"], ["job", "show", "j", "--json"],
        ["job", "trace", "j"], ["job", "trace", "j", "--json"], ["job", "trace", "j", "--otlp"],
        ["dead", "list"], ["dead", "list", "--json"], ["audit"], ["audit", "--json"],
        ["worker", "--print-config", "--exec", "a=true"], ["queue", "pause", "default"],
        ["queue", "resume", "default"],
        ["enqueue", "a"], ["enqueue", "a", "--json"],
        ["worker", "--once", "--exec", "none=true", "--queues", "empty", "--json"],
    ]

    @Test("is a failure, and one line", arguments: [StreamFault.full, .closed])
    func everyCommand(fault: StreamFault) async throws {
        let server = try await RedisServer.start()
        defer { server.stop() }
        for id in ["j", "d"] {
            #expect(
                try await CommandRun.spanq("enqueue", "a", "--id", id, "--max-retries", "0", redis: server.url).code
                    == 0)
        }
        let log = ["--log-level", "critical"]
        _ = try await CommandRun.spanq(["worker", "--once", "--exec", "a=false"] + log, redis: server.url)
        for id in ["e", "f"] { _ = try await CommandRun.spanq("enqueue", "a", "--id", id, redis: server.url) }
        for command in Self.commands {
            let words = command.first == "worker" && command.contains("--once") ? command + log : command
            let run = try FaultedRun(words, redis: server.url, faults: [.output: fault])
            #expect(try await run.ended() == 1, "\(command)")
            let lines = run.errors.split(separator: "\n")
            #expect(
                lines.count == 1 && lines[0].hasPrefix("spanq: cannot write to standard output: "),
                "\(command): \(lines)")
        }
    }

    @Test("of an enqueue says that the job is there, and which")
    func enqueued() async throws {
        let server = try await RedisServer.start()
        defer { server.stop() }
        for fault in [StreamFault.full, .closed, .broken] {
            let run = try FaultedRun(
                ["enqueue", "a", "--id", "id-\(fault)"], redis: server.url, faults: [.output: fault])
            #expect(try await run.ended() == 1)
            #expect(run.errors.contains("; job id-\(fault) was enqueued\n"))
            #expect(try await CommandRun.spanq("job", "show", "id-\(fault)", redis: server.url).code == 0)
        }
    }

    @Test("behind a reader that went away ends the command, by SIGPIPE or, where that is ignored, by a failure")
    func brokenPipe() async throws {
        let byDefault = try FaultedRun(["version"], faults: [.output: .broken])
        #expect(try await byDefault.ended() == 1000 + Int(SIGPIPE))
        let ignored = try FaultedRun(
            ["version"], faults: [.output: .broken], wrapper: ["/bin/sh", "-c", "trap '' PIPE; exec \"$@\"", "sh"])
        #expect(try await ignored.ended() == 1)
        #expect(ignored.errors == "spanq: cannot write to standard output: Broken pipe\n")
    }

    /// Half a list that looks whole is worse than none.
    @Test("on a disk that fills up in the middle is a failure, too", .enabled(if: geteuid() == 0))
    func fullDisk() async throws {
        let server = try await RedisServer.start()
        defer { server.stop() }
        let lines = String(repeating: #"{"type":"x"}"# + "\n", count: 2000)
        let disk = try SmallDisk()
        defer { disk.remove() }
        let batch = try FaultedRun(
            ["enqueue", "--batch", "-", "--json"], redis: server.url, input: lines,
            files: [.output: disk.path + "/receipts"])
        #expect(try await batch.ended() == 1)
        let list = try FaultedRun(
            ["job", "list", "--limit", "0", "--json"], redis: server.url, files: [.output: disk.path + "/list"])
        #expect(try await list.ended() == 1)
        #expect(list.errors == "spanq: cannot write to standard output: No space left on device\n")
    }

    @Test("no socket gets the number of a stream that was closed")
    func closedNumbers() async throws {
        let server = try await RedisServer.start()
        defer { server.stop() }
        // With all three closed, a connection would be descriptor 0, 1 or 2, and Redis would get what is printed.
        let run = try FaultedRun(
            ["enqueue", "a", "--id", "quiet"], redis: server.url,
            faults: [.input: .closed, .output: .closed, .error: .closed])
        #expect(try await run.ended() == 1)
        #expect(try await CommandRun.spanq("job", "show", "quiet", redis: server.url).code == 0)
        let reading = try FaultedRun(["enqueue", "a", "-"], redis: server.url, faults: [.input: .closed])
        #expect(try await reading.ended() != 0)
    }
}

/// A file system of 64 KiB.
struct SmallDisk {
    let path: String

    init() throws {
        path = "/tmp/spanq-disk-\(UUID().uuidString.prefix(8))"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        try Self.run("/bin/mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", path)
    }

    func remove() {
        try? Self.run("/bin/umount", path)
        try? FileManager.default.removeItem(atPath: path)
    }

    private static func run(_ program: String, _ arguments: String...) throws {
        let process = try Process.run(URL(fileURLWithPath: program), arguments: arguments)
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw FaultedRun.NotEnding(what: "\(program) failed") }
    }
}

@Suite("Records of the log that are lost", .serialized)
struct LostRecordTests {
    @Test("are counted on /metrics")
    func counted() async throws {
        let server = try await RedisServer.start()
        defer { server.stop() }
        let port = try freePort()
        let run = try FaultedRun(
            ["worker", "--exec", "a=false", "--listen", "127.0.0.1:\(port)"], redis: server.url, faults: [.error: .full]
        )
        try await until("lost records on the page") {
            let page = try curl("http://127.0.0.1:\(port)/metrics")
            return page.firstMatch(of: /spanq_log_records_dropped_total\{reason="write_failed"\} [1-9]/) != nil
                && page.contains("spanq_log_records_dropped_total{reason=\"queue_full\"} 0")
        }
        run.signal(SIGTERM)
        #expect(try await run.ended() == 0)
    }

    private func curl(_ url: String) throws -> String {
        let process = Process()
        let pipe = Pipe()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["curl", "-gs", url]
        process.standardOutput = pipe
        try process.run()
        let text = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return text
    }
}
