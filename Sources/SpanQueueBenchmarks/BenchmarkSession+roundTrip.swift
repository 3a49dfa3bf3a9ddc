// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import HiredisClient
import SpanQueue
import SpanQueueRedis

/// What a bare program pays for a call of a script: hiredis in this thread, and no thread in between.
extension BenchmarkSession {
    /// A script that does nothing, with a payload.
    func roundTrip() async throws -> Measurement {
        let connection = try BlockingConnection(redis(for: .roundTrip).url)
        let digest = try connection.load(Array("return 1".utf8))
        return try await measure(.roundTrip, jobs: options.jobs) {
            for _ in 0..<options.jobs {
                try Task.checkCancellation()
                try connection.call(digest, [payload])
            }
        }
    }

    /// Our script with the keys and arguments of a lone enqueue, as `enqueue.lua` tells them. What a lone enqueue takes beyond this is
    /// not Redis, but ours: hops between threads, packing, telemetry.
    func enqueueRoundTrip() async throws -> Measurement {
        let name = names[0]
        let (client, url) = (try redis(for: .enqueueRoundTrip).client, try redis(for: .enqueueRoundTrip).url)
        func key(_ part: String) -> String { "spanq:{\(name)}:\(part)" }
        // One real job: it makes the queue known, and leaves the message that the others repeat.
        let first = try await queue.enqueue(job(), .queue(name))
        let stored = try await client.send(RESPCommand("HGET", key("jobs"), first.id.description), idempotent: true)
        // The script puts 13 digits in front, the time.
        guard let message = try stored.optionalBytes()?.dropFirst(13) else {
            throw SpanQueueError(.notFound, "another program took the job that the benchmark had enqueued")
        }
        var source: [UInt8] = []
        _ = Scripts { script, bytes in
            if script == "enqueue" { source = bytes }
            return bytes
        }
        let connection = try BlockingConnection(url)
        let digest = try connection.load(source)
        let keys = ["jobs", "ready", "priority", "scheduled", "unique", "unique-expiry", "meta", "wake"]
            .map { Array(key($0).utf8) }
        let (noTimeLimit, noDoor, onePlainJob) = ([UInt8(ascii: "0")], [UInt8](), [UInt8(ascii: "1")])
        let measurement = try await measure(.enqueueRoundTrip, jobs: options.jobs) {
            for _ in 0..<options.jobs {
                try Task.checkCancellation()
                let id = Array(JobID.random().description.utf8)
                try connection.call(digest, keys: keys, [noTimeLimit, noDoor, onePlainJob, id, Array(message)])
            }
        }
        let ready = try await client.send(RESPCommand("LLEN", key("ready")), idempotent: true).integer()
        guard ready == options.jobs + 1 else {
            throw SpanQueueError(
                .invalidState,
                "the script put \(ready - 1) of \(options.jobs) jobs there: does it take other arguments now?")
        }
        return measurement
    }
}
