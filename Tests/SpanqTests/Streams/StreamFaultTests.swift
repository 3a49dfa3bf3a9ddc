// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import RedisServerFixture
import Testing

/// The commands that stay for a while.
enum LongCommand: String, CaseIterable, Sendable {
    case worker, once, dev, serve, bench, audit, batch
}

@Suite("Whatever a process is attached to", .serialized)
struct StreamFaultTests {
    /// How a run is to end: its exit code, or 1000 and the signal's number.
    private static let (done, failed, terminated, brokenPipe) = (0, 1, 1000 + Int(SIGTERM), 1000 + Int(SIGPIPE))

    @Test(
        "its work goes on or ends, is bounded, and what could not be written is a failure",
        arguments: LongCommand.allCases, StandardStream.allCases)
    func faults(command: LongCommand, stream: StandardStream) async throws {
        let server = try await RedisServer.start()
        defer { server.stop() }
        for fault in StreamFault.allCases {
            do {
                try await check(command, stream, fault, server.url)
            } catch {
                Issue.record("\(stream) \(fault): \(error)")
            }
        }
    }

    private func check(
        _ command: LongCommand, _ stream: StandardStream, _ fault: StreamFault, _ redis: String
    ) async throws {
        let queue = "\(stream)-\(fault)"
        let faults = [stream: fault]
        let place = Comment("\(command.rawValue), \(stream) \(fault.rawValue)")
        switch command {
        case .worker, .once:
            let lines = String(repeating: #"{"type":"x","max_retries":0}"# + "\n", count: 5)
            let batch = try await CommandRun.spanq(
                "enqueue", "--batch", "-", "--queue", queue, redis: redis, input: lines)
            #expect(batch.code == 0)
            let words = ["worker", "--exec", "x=/bin/false", "--queues", queue, "--listen", "none"]
            let run = try FaultedRun(words + (command == .once ? ["--once"] : []), redis: redis, faults: faults)
            try await until("5 dead letters, \(place)") { try await count("dead", of: queue, redis) == 5 }
            if command == .worker { run.signal(SIGTERM) }
            // Only the summary of --once is written to standard output.
            let isLost = command == .once && stream == .output
            try await expect(run, endsWith: isLost ? Self.failed : Self.done, place)
            if isLost { #expect(run.errors.hasSuffix(Self.lostLine(fault)), place) }
        case .dev:
            let directory = "/tmp/spanq-dev-\(UUID().uuidString.prefix(8))"
            defer { try? FileManager.default.removeItem(atPath: directory) }
            let run = try FaultedRun(
                ["dev", "--json", "--no-demo-jobs", "--listen", "127.0.0.1:0", "--dir", directory], faults: faults)
            guard stream != .output || fault == .stalled else {
                // Without its URL it is of no use.
                try await expect(run, endsWith: Self.failed, place)
                #expect(run.errors.hasSuffix(Self.lostLine(fault)), place)
                return
            }
            let own = "unix://\(directory)/redis.sock"
            try await until("a job to be taken, \(place)") {
                try await CommandRun.spanq("enqueue", "demo:hello", "--queue", "demo", "--id", "j", redis: own).code
                    == 0
            }
            try await until("it to be done, \(place)") { try await count("completed", of: "demo", own) == 1 }
            run.signal(SIGTERM)
            try await expect(run, endsWith: stream == .output ? Self.failed : Self.done, place)
        case .serve:
            let port = try freePort()
            let run = try FaultedRun(["serve", "--listen", "127.0.0.1:\(port)"], redis: redis, faults: faults)
            try await until("an answer, \(place)") {
                try await CommandRun.spanq("health", "--url", "http://127.0.0.1:\(port)/readyz").code == 0
            }
            run.signal(SIGTERM)
            try await expect(run, endsWith: Self.done, place)
        case .bench:
            let words = ["bench", "--only", "enqueue-bulk", "--jobs", "100", "--prefix", "bench-\(queue)"]
            let run = try FaultedRun(words, redis: redis, faults: faults)
            try await expect(run, endsWith: stream == .output ? Self.failed : Self.done, place)
            let left = try await CommandRun.spanq("queue", "list", "--json", redis: redis)
            #expect(!left.output.contains("bench-\(queue)"), place)
        case .audit:
            let run = try FaultedRun(["audit"], redis: redis, faults: faults)
            if stream == .output, fault == .stalled { run.signal(SIGTERM) }
            let ends = [StreamFault.stalled: Self.terminated, .broken: Self.brokenPipe]
            try await expect(run, endsWith: stream == .output ? ends[fault] ?? Self.failed : Self.done, place)
        case .batch:
            try await checkBatch(stream, fault, redis, queue, place)
        }
    }

    private func checkBatch(
        _ stream: StandardStream, _ fault: StreamFault, _ redis: String, _ queue: String, _ place: Comment
    ) async throws {
        let lines = String(repeating: #"{"type":"x"}"# + "\n", count: 1500)
        let run = try FaultedRun(
            ["enqueue", "--batch", "-", "--queue", queue], redis: redis, faults: [stream: fault], input: lines)
        switch (stream, fault) {
        case (.error, _), (.input, .broken):
            try await expect(run, endsWith: Self.done, place)
        case (.input, .stalled):
            run.signal(SIGTERM)
            // It has nothing to send any more, and says that it was interrupted, once it listens for signals.
            let code = try await run.ended()
            #expect(code == Self.terminated || code == Self.failed, place)
        case (.input, _):
            let code = try await run.ended()
            #expect(code == Self.failed || code == 2, place)
            #expect(run.errors.hasPrefix("spanq: ") || run.output.hasPrefix("refused line 1"), place)
        case (.output, .stalled):
            try await until("jobs, \(place)") { try await count("ready", of: queue, redis) > 0 }
            run.signal(SIGTERM)
            try await expect(run, endsWith: Self.terminated, place)
        case (.output, _):
            try await expect(run, endsWith: Self.failed, place)
            #expect(run.errors.contains("was the last that was sent"), place)
            // It does not go on without anybody who hears of it.
            #expect(try await count("ready", of: queue, redis) <= 1000, place)
        }
    }

    /// Tells what it printed where it ends in another way.
    private func expect(_ run: FaultedRun, endsWith code: Int, _ place: Comment) async throws {
        let ended = try await run.ended()
        #expect(
            ended == code, "\(place): it printed \(run.output.suffix(500)) and said \(run.errors.suffix(2000))")
    }

    private static func lostLine(_ fault: StreamFault) -> String {
        let reason =
            switch fault {
            case .stalled: "it takes nothing"
            case .full: "No space left on device"
            case .closed: "it is closed"
            case .broken: "Broken pipe"
            }
        return "spanq: cannot write to standard output: \(reason)\n"
    }
}

/// How many jobs of a queue are in a state.
func count(_ state: String, of queue: String, _ redis: String) async throws -> Int {
    let stats = try await CommandRun.spanq("queue", "stats", queue, "--json", redis: redis)
    return (stats.object["queues"] as? [[String: Any]])?.first?[state] as? Int ?? 0
}
