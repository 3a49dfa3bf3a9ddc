// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import SpanQueue
import Testing

@testable import SpanQueueHandlers

@Suite("A program that does not behave")
struct ExecBoundsTests {
    @Test(
        "may close its standard input, or never read it", .timeLimit(.minutes(1)),
        arguments: ["true", "sh -c 'exec <&-; echo ok'", "sh -c 'exec 0</dev/null; sleep 0.2'"])
    func unreadInput(_ command: String) async throws {
        let sample = SampleJob([UInt8](repeating: 7, count: 1 << 20))
        try await ExecHandler(command: command).run(sample.payload, sample.context)
    }

    @Test("may flood its outputs: the start of one and the end of the other are kept", .timeLimit(.minutes(1)))
    func flood() async throws {
        let before = try residentKilobytes()
        let sample = SampleJob()
        let script = "yes | head -c 100000000; yes e | head -c 100000000 >&2; echo the end >&2; exit 3"
        let error = await failure {
            try await ExecHandler(command: "sh -c '\(script)'").run(sample.payload, sample.context)
        }
        let text = "\(try #require(error))"
        #expect(text.hasPrefix("exit status 3: …"))
        #expect(text.hasSuffix("e\ne\nthe end"))
        #expect(text.utf8.count <= Limits.errorBytes)
        #expect(try residentKilobytes() - before < 90_000)
    }

    @Test("and does its work all the same is done: the result is cut, with a line in the log")
    func largeResult() async throws {
        let sample = SampleJob()
        try await ExecHandler(command: "sh -c 'yes | head -c 1000000'").run(sample.payload, sample.context)
        #expect(sample.result?.count == 64 << 10)
        #expect(sample.log.lines.contains { $0.contains("result was cut") && $0.contains("934464") })
    }

    @Test("and writes no text still has an error that is text")
    func binaryError() async throws {
        let sample = SampleJob()
        let handler = try ExecHandler(command: "sh -c 'head -c 5000 /dev/urandom >&2; exit 1'")
        let text = "\(try #require(await failure { try await handler.run(sample.payload, sample.context) }))"
        #expect(text.utf8.count <= Limits.errorBytes)
        #expect(!text.utf8.contains(0))
    }

    @Test(
        "and leaves a child that holds its outputs is over when it ends; the child is killed", .timeLimit(.minutes(1)))
    func leftover() async throws {
        let sample = SampleJob()
        let start = ContinuousClock.now
        try await ExecHandler(command: "sh -c 'sleep 60 & echo $!'").run(sample.payload, sample.context)
        #expect(ContinuousClock.now - start < .seconds(30))
        let child = try #require(Int32(sample.resultText.trimmingCharacters(in: .whitespacesAndNewlines)))
        #expect(await eventually { isGone(child) })
    }

    @Test("and leaves a child that writes forever is over when it ends", .timeLimit(.minutes(1)))
    func leftoverFlood() async throws {
        let sample = SampleJob()
        let start = ContinuousClock.now
        try await ExecHandler(command: "sh -c 'yes & echo $!'").run(sample.payload, sample.context)
        #expect(ContinuousClock.now - start < .seconds(30))
    }

    @Test(
        "and leaves a daemon that writes forever is over when it ends; the daemon gets no more readers",
        .timeLimit(.minutes(1)))
    func daemonFlood() async throws {
        let sample = SampleJob()
        let start = ContinuousClock.now
        try await ExecHandler(command: "sh -c 'setsid yes & sleep 0.1'").run(sample.payload, sample.context)
        #expect(ContinuousClock.now - start < .seconds(30))
    }

    @Test("and leaves a child that is still writing gets what it writes soon")
    func lateOutput() async throws {
        let sample = SampleJob()
        try await ExecHandler(command: "sh -c '(sleep 0.1; echo late) & exit 0'").run(sample.payload, sample.context)
        #expect(sample.resultText == "late\n")
    }

    @Test("in great number leaves no descriptor and no zombie", .timeLimit(.minutes(2)))
    func leaks() async throws {
        let quiet = try ExecHandler(command: "true")
        let failing = try ExecHandler(command: "sh -c 'echo x; exit 1'")
        // The loop's own descriptors come with the first.
        let first = SampleJob()
        try await quiet.run(first.payload, first.context)
        let before = try ownPipes()
        await withTaskGroup(of: Void.self) { group in
            for index in 0..<200 {
                group.addTask {
                    let sample = SampleJob([UInt8](repeating: 1, count: 100_000))
                    _ = await failure {
                        try await (index % 2 == 0 ? quiet : failing).run(sample.payload, sample.context)
                    }
                }
            }
        }
        // Other tests of this process run programs at the same time.
        #expect(await eventually { ((try? ownPipes()) ?? .max) <= before + 8 })
        #expect(await eventually { zombies().isEmpty })
    }

    private func residentKilobytes() throws -> Int {
        let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
        let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("VmRSS") })
        return try #require(line.split(separator: " ").compactMap { Int($0) }.first)
    }

    private func ownPipes() throws -> Int {
        try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count
    }

    /// Children of this process that have ended and were not reaped.
    private func zombies() -> [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return names.filter { name in
            guard Int(name) != nil, let text = try? String(contentsOfFile: "/proc/\(name)/stat", encoding: .utf8),
                let fields = text.split(separator: ")").last?.split(separator: " "), fields.count > 1
            else { return false }
            return fields[0] == "Z" && fields[1] == "\(getpid())"
        }
    }
}

/// Whether a process is gone, or only a zombie that its parent has not looked at.
func isGone(_ pid: Int32) -> Bool {
    guard let text = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8) else { return true }
    return text.split(separator: ")").last?.split(separator: " ").first == "Z"
}
