// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueue
import SpanQueueRedis

/// Unpacks records; one that has not changed since is not unpacked again.
struct Decoder {
    let queue: String
    private var messages: [JobID: (bytes: [UInt8], message: JobMessage)] = [:]
    private var runs: [JobID: (bytes: [UInt8], run: RunRecord)] = [:]

    init(queue: String) {
        self.queue = queue
    }

    mutating func message(_ id: JobID, _ bytes: [UInt8]) throws -> JobMessage {
        if let known = messages[id], known.bytes == bytes { return known.message }
        let message = try MessagePacking.unpack(bytes, id: id, queue: queue)
        messages[id] = (bytes, message)
        return message
    }

    /// Where the parts of a message are stored apart.
    mutating func message(
        _ id: JobID, head: [UInt8], payload: [UInt8], enqueuedAt: Timestamp
    ) throws -> JobMessage {
        let bytes = head + payload + Array("\(enqueuedAt.milliseconds)/\(head.count)".utf8)
        if let known = messages[id], known.bytes == bytes { return known.message }
        let message = try MessagePacking.unpack(
            head: head[...], payload: payload[...], enqueuedAt: enqueuedAt, id: id, queue: queue)
        messages[id] = (bytes, message)
        return message
    }

    mutating func run(_ id: JobID, _ bytes: [UInt8], of message: JobMessage) throws -> RunRecord {
        if let known = runs[id], known.bytes == bytes { return known.run }
        let run = try RunPacking.unpack(bytes, eligibleAt: message.eligibleAt)
        runs[id] = (bytes, run)
        return run
    }
}
