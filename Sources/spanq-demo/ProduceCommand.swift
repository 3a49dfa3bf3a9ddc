import ArgumentParser
import Foundation
import SpanQueue

/// Puts the demo's jobs on their queues. The paths of the files come on standard input, one a line.
struct ProduceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "produce", abstract: "Enqueue the demo's jobs.")

    @OptionGroup var connection: RedisOption

    func run() async throws {
        let queue = try await connection.queue()
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
                    ? EnqueueRequest(job, .unique(.untilFinished), .delay(.milliseconds(1000 + place % 1000)))
                    : EnqueueRequest(job, .unique(.untilFinished))
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
