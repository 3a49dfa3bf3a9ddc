// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import ArgumentParser
import Foundation
import SpanQueue

/// Waits until every job is done, prints the table, and checks that nothing was lost and every digest is right.
struct ReportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "report", abstract: "Wait, sum up and verify.")

    @OptionGroup var connection: RedisOption
    @Option(help: "How long to wait at most, in seconds.")
    var patience = 180
    @Option(help: "Write here the ids of a job that was retried and of one whose worker was killed, one a line.")
    var examples: String?
    @Option(help: "Only wait until this many jobs of the queue `files` have completed.")
    var until: Int?

    private static let queues = ["files", "programs", "deliveries", "poison"]

    func run() async throws {
        let queue = try connection.queue()
        let deadline = ContinuousClock.now + .seconds(patience)
        while try await !isReached(queue) {
            guard ContinuousClock.now < deadline else {
                FileHandle.standardError.write(Data("demo: not done after \(patience) s\n".utf8))
                throw ExitCode(1)
            }
            try await Task.sleep(for: .milliseconds(50))
        }
        if until != nil { return }
        var records: [JobRecord] = []
        for name in Self.queues {
            for state in [JobState.completed, .dead, .cancelled] { records += try await all(queue, name, state) }
        }
        printTable(records)
        if let examples { try exampleIDs(records).write(toFile: examples, atomically: true, encoding: .utf8) }
        try await verify(records, queue)
        await queue.shutdown()
    }

    private func isReached(_ queue: JobQueue) async throws -> Bool {
        let counts = try await queue.counts(of: Self.queues)
        if let until { return counts[0][.completed] >= until }
        return counts.allSatisfy { $0[.ready] + $0[.scheduled] + $0[.active] + $0[.retrying] == 0 }
    }

    private func exampleIDs(_ records: [JobRecord]) -> String {
        let retried = records.first { $0.run.attemptRecords.contains { $0.outcome == .retried } }
        let lost = records.first { record in
            record.state == .completed && record.run.attemptRecords.contains { $0.outcome == .lost }
        }
        return [retried, lost].compactMap { $0?.message.id.description }.joined(separator: "\n") + "\n"
    }

    private func all(_ queue: JobQueue, _ name: String, _ state: JobState) async throws -> [JobRecord] {
        var records: [JobRecord] = []
        var request = ListRequest(queue: name, state: state, limit: 1000)
        repeat {
            let page = try await queue.list(request)
            records += page.jobs
            request.cursor = page.cursor
        } while request.cursor != nil
        return records
    }

    private func printTable(_ records: [JobRecord]) {
        func pad(_ text: String, _ width: Int) -> String {
            String(repeating: " ", count: max(0, width - text.count)) + text
        }
        func milliseconds(_ durations: [Duration], _ quantile: Double) -> String {
            guard !durations.isEmpty else { return "-" }
            let sorted = durations.sorted()
            let place = Int((Double(sorted.count - 1) * quantile).rounded())
            return
                "\(sorted[place].components.seconds * 1000 + sorted[place].components.attoseconds / 1_000_000_000_000_000) ms"
        }
        let columns = [
            "enqueued", "completed", "retried", "lost", "dead", "wait p50", "wait p99", "run p50", "run p99",
        ]
        print("\n" + "type".padding(toLength: 13, withPad: " ", startingAt: 0) + columns.map { pad($0, 11) }.joined())
        for (type, jobs) in Dictionary(grouping: records, by: \.message.type).sorted(by: { $0.key < $1.key }) {
            let attempts = jobs.flatMap(\.run.attemptRecords)
            let waits = attempts.map { $0.claimedAt - $0.eligibleAt }
            let runs = attempts.filter { $0.outcome != .lost }.map { $0.endedAt - $0.claimedAt }
            let cells = [
                "\(jobs.count)", "\(jobs.count { $0.state == .completed })",
                "\(attempts.count { $0.outcome == .retried })", "\(attempts.count { $0.outcome == .lost })",
                "\(jobs.count { $0.state == .dead })", milliseconds(waits, 0.5), milliseconds(waits, 0.99),
                milliseconds(runs, 0.5), milliseconds(runs, 0.99),
            ]
            print(type.padding(toLength: 13, withPad: " ", startingAt: 0) + cells.map { pad($0, 11) }.joined())
        }
    }

    /// Compares with what `sha256sum` says, and the records with the engine's totals.
    private func verify(_ records: [JobRecord], _ queue: JobQueue) async throws {
        let enqueued = try await queue.counts(of: Self.queues).reduce(0) { $0 + $1.totals.enqueued }
        var problems: [String] = []
        if records.count != enqueued { problems.append("\(enqueued) jobs were enqueued, \(records.count) have ended") }
        var digests: [String: String] = [:]
        for record in records where record.message.type == FileDigest.jobType {
            let path = try record.message.decode(FileDigest.self).path
            guard record.state == .completed, let result = record.run.result,
                let value = try? JSONDecoder().decode(FileDigest.Result.self, from: Data(result))
            else {
                problems.append("\(path): \(record.state.rawValue), \(record.run.lastError ?? "no result")")
                continue
            }
            digests[path] = value.sha256
        }
        for (path, expected) in try Self.sha256sum(Array(digests.keys)) where digests[path] != expected {
            problems.append("\(path): its digest is wrong")
        }
        let pills = records.filter { $0.message.type == PoisonPill.jobType }
        if pills.contains(where: { $0.state != .dead || $0.run.endReason != DeadReason.leaseExpired.rawValue }) {
            problems.append("the poison pill is not dead of lease_expired")
        }
        for problem in problems.prefix(20) { FileHandle.standardError.write(Data("demo: \(problem)\n".utf8)) }
        guard problems.isEmpty else { throw ExitCode(1) }
        print(
            "\nverified: \(enqueued) jobs enqueued, \(records.count) ended, none lost; \(digests.count) digests equal sha256sum's"
        )
    }

    private static func sha256sum(_ paths: [String]) throws -> [(path: String, digest: String)] {
        var sums: [(path: String, digest: String)] = []
        for start in stride(from: 0, to: paths.count, by: 100) {
            let batch = Array(paths[start..<min(start + 100, paths.count)])
            let process = Process()
            process.executableURL = URL(fileURLWithPath: "/usr/bin/sha256sum")
            process.arguments = ["--"] + batch
            let output = Pipe()
            process.standardOutput = output
            try process.run()
            let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
            process.waitUntilExit()
            // One line a file, in the order of the arguments; a backslash in front says that the name was escaped.
            for (path, line) in zip(batch, text.split(separator: "\n")) {
                sums.append((path, String(line.drop { $0 == "\\" }.prefix { $0 != " " })))
            }
        }
        return sums
    }
}
