// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import Logging
import ServiceLifecycle
import SpanQueue
import SpanQueueRedis

/// Makes thumbnails from a queue, with ImageMagick.
@main
enum ThumbnailWorker {
    static let usage = """
        usage: ThumbnailWorker work                     serve the queue "images" until SIGTERM or Ctrl-C
               ThumbnailWorker enqueue FOLDER IMAGE...  make a thumbnail of each image in this folder
        environment: SPANQ_REDIS_URL (redis://localhost:6379), IMAGE_CONVERTER (convert; magick for ImageMagick 7)

        """

    static func main() async throws {
        let arguments = Array(CommandLine.arguments.dropFirst())
        switch (arguments.first, arguments.count) {
        case ("work", 1): try await work()
        case ("enqueue", 3...): try await enqueue(arguments.dropFirst(2), into: arguments[1])
        default:
            FileHandle.standardError.write(Data(usage.utf8))
            exit(2)
        }
    }

    static func setting(_ name: String, default standard: String) -> String {
        ProcessInfo.processInfo.environment[name] ?? standard
    }

    static func queue() throws -> JobQueue {
        try JobQueue(engine: .redis(setting("SPANQ_REDIS_URL", default: "redis://localhost:6379")))
    }

    /// All in one round trip.
    static func enqueue(_ images: some Sequence<String>, into folder: String) async throws {
        let jobs = images.map { image in
            let source = URL(fileURLWithPath: image)
            let name = source.deletingPathExtension().lastPathComponent + ".jpg"
            let target = URL(fileURLWithPath: folder).appendingPathComponent(name)
            return MakeThumbnail(source: source.path, target: target.path, size: 200)
        }
        let queue = try queue()
        for (job, result) in zip(jobs, try await queue.enqueue(jobs, .queue("images"))) {
            switch result {
            case .success(let receipt) where receipt.isDuplicate: print("\(receipt.id) makes \(job.target) already")
            case .success(let receipt): print(receipt.id)
            case .failure(let error): print("\(job.source): \(error)")
            }
        }
        await queue.shutdown()
    }

    static func work() async throws {
        let converter = ImageConverter(program: setting("IMAGE_CONVERTER", default: "convert"))
        let queue = try queue()
        // Each job keeps a core busy.
        let cores = ProcessInfo.processInfo.activeProcessorCount
        let worker = try Worker(queue, WorkerConfiguration(concurrency: cores, queues: ["images": 1]))
        try worker.handle(MakeThumbnail.self) { job, context in
            let bytes = try await converter.makeThumbnail(job, context)
            try context.setResult(["bytes": bytes])
            context.logger.info("made \(job.target)", metadata: ["bytes": "\(bytes)"])
        }
        let services: [any Service] = [queue, worker]
        let logger = Logger(label: "thumbnails")
        try await ServiceGroup(services: services, gracefulShutdownSignals: [.sigterm, .sigint], logger: logger).run()
    }
}
