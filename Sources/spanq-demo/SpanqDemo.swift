// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import ArgumentParser
import CSpanQueueZlib
import Foundation
import Logging
import ServiceLifecycle
import SpanQueue
import SpanQueueRedis
import SpanQueueTelemetry
import UnixSignals

/// What `Scripts/demo` runs beside `spanq dev`: the producer, the workers with handlers in Swift, and the report.
@main
struct SpanqDemo: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "spanq-demo", abstract: "The parts of Scripts/demo.",
        subcommands: [WorkCommand.self, ProduceCommand.self, ReportCommand.self])
}

struct RedisOption: ParsableArguments {
    @Option(help: "The URL of Redis.")
    var redis: String

    /// A queue that keeps the record of every job of a large folder for the report.
    func queue() throws -> JobQueue {
        var options = RedisEngineOptions()
        options.retentionCount = 1_000_000
        return try JobQueue(engine: .redis(redis, options))
    }
}

/// Puts the demo's jobs on their queues. The paths of the files come on standard input, one a line.
struct ProduceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "produce", abstract: "Enqueue the demo's jobs.")

    @OptionGroup var connection: RedisOption

    func run() async throws {
        let queue = try connection.queue()
        var paths: [String] = []
        while let line = readLine() { paths.append(line) }
        guard !paths.isEmpty else { throw ValidationError("no files: name a folder that has some") }
        var accepted = 0
        var duplicates = 0
        for start in stride(from: 0, to: paths.count, by: 1000) {
            let batch = paths[start..<min(start + 1000, paths.count)]
            // One in ten is put off by a second or two, and each is unique while it is not done.
            let requests = batch.enumerated().map { place, path in
                let job = FileDigest(path: path)
                return place % 10 == 9
                    ? EnqueueRequest(job, .uniqueUntilFinished(), .delay(.milliseconds(1000 + place % 1000)))
                    : EnqueueRequest(job, .uniqueUntilFinished())
            }
            // The same again, as an impatient producer would: all of these are duplicates.
            for result in try await queue.enqueue(requests + requests.suffix(20)) {
                let receipt = try result.get()
                if receipt.isDuplicate { duplicates += 1 } else { accepted += 1 }
            }
        }
        try await queue.enqueue(PoisonPill())
        for number in 0..<40 {
            try await queue.enqueue(
                type: "text:count", payload: Array("the \(number) words of a job\n".utf8), .queue("programs"),
                .maxRetries(5), .retryPolicy(.constant(.milliseconds(300))), .timeout(.seconds(20)))
            try await queue.enqueue(
                type: "hook:order", payload: Array(#"{"order":\#(number)}"#.utf8), .queue("deliveries"),
                .maxRetries(20), .retryPolicy(.constant(.milliseconds(300))), .timeout(.seconds(20)))
        }
        print(
            "enqueued \(accepted) files (\(duplicates) duplicates refused), 40 programs, 40 deliveries, 1 poison pill")
        await queue.shutdown()
    }
}

/// A worker with handlers in Swift.
struct WorkCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "work", abstract: "Serve one queue of the demo.")

    @OptionGroup var connection: RedisOption
    @Option(help: "The queue.")
    var queue = "files"

    func run() async throws {
        LoggingSystem.bootstrap { label in
            var handler = LineLogHandler(label: label)
            handler.logLevel = .error
            return handler
        }
        let client = try connection.queue()
        var configuration = WorkerConfiguration(concurrency: 2, queues: [queue: 1], lease: .seconds(2))
        configuration.retryPolicy = .constant(.milliseconds(500))
        let worker = try Worker(client, configuration)
        try worker.handle(FileDigest.self) { job, context in
            // Long enough that the kill meets some of them at work.
            try await Task.sleep(for: .milliseconds(20))
            try context.setResult(job.run())
        }
        try worker.handle(PoisonPill.self) { _, _ in kill(getpid(), SIGKILL) }
        let group = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: [.init(service: client), .init(service: worker)],
                gracefulShutdownSignals: [.sigterm, .sigint], logger: Logger(label: "demo")))
        try await group.run()
    }
}

/// The demo's real work: the SHA-256 of a file and how small it gets.
struct FileDigest: Job {
    static let jobType = "file:digest"
    static let options: [EnqueueOption] = [.queue("files"), .maxRetries(5), .timeout(.seconds(60))]

    /// An absolute path.
    var path: String

    /// What the handler leaves as the job's result.
    struct Result: Codable, Sendable {
        var sha256: String
        var bytes: Int
        var compressedBytes: Int
    }

    func run() throws -> Result {
        let contents: Data
        do {
            contents = try Data(contentsOf: URL(fileURLWithPath: path))
        } catch {
            throw JobError.permanent("\(path) can't be read")
        }
        let digest = Digest.sha256([UInt8](contents)).map { byte in
            let digits = String(byte, radix: 16)
            return digits.count == 1 ? "0" + digits : digits
        }
        return Result(
            sha256: digest.joined(), bytes: contents.count, compressedBytes: Self.compressedSize(of: contents))
    }

    private static func compressedSize(of contents: Data) -> Int {
        var size = compressBound(uLong(contents.count))
        var output = [UInt8](repeating: 0, count: Int(size))
        contents.withUnsafeBytes { input in
            _ = compress(&output, &size, input.bindMemory(to: UInt8.self).baseAddress, uLong(contents.count))
        }
        return Int(size)
    }
}

/// A job that kills the process that runs it.
struct PoisonPill: Job {
    static let jobType = "demo:poison"
    static let options: [EnqueueOption] = [.queue("poison")]
}
