// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

package import SpanQueueTelemetry

/// How a message is stored: what engines need first, at fixed places, then the fields, then the payload as it is.
///
/// ```
/// 13 digits   enqueue time in ms, put in front by the engine
/// byte        version: 1, or 2 where a flag from 16 up or extras are there
/// byte        flags: 1 has a lock · 2 held until its start · 4 held for a time · 8 has a content digest ·
///             16 gates · 32 fairness · 64 placement key · 128 lock policy
/// byte        priority, '0' to '9'
/// 16 bytes    digest of the lock, if flag 1
/// 8 bytes     digest of the content, if flag 8
/// byte, bytes version 2: the length of a block, and the block: what the flags from 16 up need
/// byte        presence (two bytes in version 2): 1 schedule · 2 expiry · 4 backoff · 8 timeout · 16 retention · 32 tags ·
///             64 tracestate · 128 baggage · 256 extras; the others are reserved and 0
/// 9 bytes     schedule, if present: kind (0 after, 1 at), ms
/// …           type, max retries (16 bits), trace id, span id, trace flags, then what is present, in the order above
/// 2 bytes, …  extras: their length, then each: tag, length (16 bits), body
/// …           payload
/// ```
///
/// This program writes version 1. It reads version 2, of which it passes over the block and the extras: they belong to features
/// that it does not know, and a queue that uses such a feature keeps it away (`uses`). What is newer still can't be read.
///
/// The span above the enqueue stands in front of the tracestate, as a member `spanq=p:…` of it.
///
/// Moments that were given relative to the enqueue stay relative, since the script, which alone knows the time of the enqueue,
/// must not have to take the message apart.
package enum MessagePacking {
    package static let version: UInt8 = 1
    /// The latest that can be read.
    private static let latestVersion: UInt8 = 2
    /// How much of a message tells when it was due and where its lock is: the longest head.
    package static let headBytes = 320

    private enum Flag {
        static let lock: UInt8 = 1
        static let untilStarted: UInt8 = 2
        static let forDuration: UInt8 = 4
        static let contentDigest: UInt8 = 8
    }

    private struct Presence: OptionSet {
        let rawValue: UInt16
        static let extras = Presence(rawValue: 256)
        static let reserved = Presence(rawValue: 0xFE00)
        static let schedule = Presence(rawValue: 1)
        static let expiry = Presence(rawValue: 2)
        static let backoff = Presence(rawValue: 4)
        static let timeout = Presence(rawValue: 8)
        static let retention = Presence(rawValue: 16)
        static let tags = Presence(rawValue: 32)
        static let traceState = Presence(rawValue: 64)
        static let baggage = Presence(rawValue: 128)
    }

    /// All but the enqueue time.
    package static func pack(_ job: NewJob) -> [UInt8] {
        var writer = PackedWriter(capacity: job.message.payload.count + job.message.type.utf8.count + 64)
        pack(job, into: &writer)
        return writer.bytes
    }

    /// All but the enqueue time.
    package static func pack(_ job: NewJob, into writer: inout PackedWriter) {
        writer.byte(version)
        writer.byte(flags(job.message))
        writer.byte(UInt8(ascii: "0") + UInt8(job.message.priority))
        if let lock = job.message.unique { writer.raw(lock.digest) }
        if let digest = job.message.contentDigest { writer.integer(digest) }
        let traceState = ParentMember.joined(job.message.parentSpanID, job.message.trace.traceState)
        var presence = presence(job)
        if traceState != nil { presence.insert(.traceState) }
        writer.byte(UInt8(presence.rawValue))
        switch job.schedule {
        case .now: break
        case .after(let delay): writer.moment(0, delay.milliseconds)
        case .at(let moment): writer.moment(1, moment.milliseconds)
        }
        writer.shortText(job.message.type)
        writer.integer(UInt16(job.message.maxRetries))
        writer.integer(job.message.trace.traceID.high)
        writer.integer(job.message.trace.traceID.low)
        writer.integer(job.message.trace.spanID.value)
        writer.byte(job.message.trace.flags)
        if let span = job.message.unique?.span.duration { writer.duration(span) }
        switch job.expiry {
        case .after(let delay): writer.moment(0, delay.milliseconds)
        case .at(let moment): writer.moment(1, moment.milliseconds)
        case nil: break
        }
        if let backoff = job.message.backoff { pack(backoff, into: &writer) }
        if let timeout = job.message.timeout { writer.duration(timeout) }
        switch job.message.retention.kind {
        case .standard: break
        case .none: writer.moment(0, 0)
        case .duration(let span): writer.moment(1, span.milliseconds)
        }
        if !job.message.tags.isEmpty {
            writer.byte(UInt8(job.message.tags.count))
            for tag in job.message.tags { writer.shortText(tag) }
        }
        if let traceState { writer.longText(traceState) }
        if let baggage = job.message.trace.baggage { writer.longText(baggage) }
        writer.raw(job.message.payload)
    }

    /// All but the enqueue time and the payload, for an engine that stores these by themselves.
    package static func packHead(_ job: NewJob) -> [UInt8] {
        var job = job
        job.message.payload = []
        return pack(job)
    }

    /// Reads a message whose enqueue time and payload are stored by themselves.
    package static func unpack(
        head: ArraySlice<UInt8>, payload: ArraySlice<UInt8>, enqueuedAt: Timestamp, id: JobID, queue: String
    ) throws(PackingError) -> JobMessage {
        var writer = PackedWriter(capacity: head.count + 13)
        writer.stamp(enqueuedAt)
        writer.raw(head)
        var message = try unpack(writer.bytes[...], id: id, queue: queue)
        message.payload = Array(payload)
        return message
    }

    /// Reads a stored message.
    package static func unpack(_ bytes: [UInt8], id: JobID, queue: String) throws(PackingError) -> JobMessage {
        try unpack(bytes[...], id: id, queue: queue)
    }

    /// Reads a stored message.
    package static func unpack(_ bytes: ArraySlice<UInt8>, id: JobID, queue: String) throws(PackingError) -> JobMessage
    {
        var reader = PackedReader(bytes)
        let head = try readHead(&reader)
        let type = try reader.shortText("the type")
        let maxRetries: UInt16 = try reader.integer("the number of retries")
        let traceID = try readTraceID(&reader)
        guard let spanID = SpanID(try reader.integer("the span id")) else {
            throw PackingError(description: "its span id is zero")
        }
        let traceFlags = try reader.byte("the trace flags")
        let span: UniqueSpan
        if head.flags & Flag.forDuration != 0 {
            span = .duration(try reader.duration("the lock's time"))
        } else {
            span = head.flags & Flag.untilStarted != 0 ? .untilStarted : .untilFinished
        }
        let expiry = try head.presence.contains(.expiry) ? reader.moment("the deadline") : nil
        let backoff = try head.presence.contains(.backoff) ? readBackoff(&reader) : nil
        let timeout = try head.presence.contains(.timeout) ? reader.duration("the timeout") : nil
        let retention = try head.presence.contains(.retention) ? reader.moment("the retention") : nil
        var tags: [String] = []
        if head.presence.contains(.tags) {
            for _ in 0..<(try reader.byte("the tags")) { tags.append(try reader.shortText("a tag")) }
        }
        let (parent, traceState) = ParentMember.parted(
            try head.presence.contains(.traceState) ? reader.longText("the trace state") : nil)
        let baggage = try head.presence.contains(.baggage) ? reader.longText("the baggage") : nil
        if head.presence.contains(.extras) {
            let length: UInt16 = try reader.integer("the extras")
            try reader.skip(Int(length), "the extras")
        }
        var message = JobMessage(
            id: id, queue: queue, type: type, payload: reader.rest(), priority: head.priority,
            maxRetries: Int(maxRetries), backoff: backoff, timeout: timeout,
            deadline: expiry.map {
                $0.kind == 0 ? head.enqueuedAt + .milliseconds($0.value) : .init(milliseconds: $0.value)
            },
            unique: head.digest.map { UniqueLock(digest: $0, span: span) },
            retention: retention.map { $0.kind == 0 ? .none : .duration(.milliseconds($0.value)) } ?? .standard,
            tags: tags,
            trace: TraceContext(
                traceID: traceID, spanID: spanID, flags: traceFlags, traceState: traceState, baggage: baggage),
            runAt: head.runAt, enqueuedAt: head.enqueuedAt, contentDigest: head.contentDigest)
        message.parentSpanID = parent
        return message
    }

    /// When a job could first have been claimed, from the first `headBytes` of its stored message.
    package static func eligibleAt(_ start: [UInt8]) throws(PackingError) -> Timestamp {
        var reader = PackedReader(start)
        let head = try readHead(&reader)
        return max(head.enqueuedAt, head.runAt ?? head.enqueuedAt)
    }

    /// What a receipt tells of a job, from the start of its stored message: as much of it as `enqueue.lua` gives.
    package static func origin(
        _ start: ArraySlice<UInt8>
    ) throws(PackingError) -> (enqueuedAt: Timestamp, type: String, traceID: TraceID) {
        var reader = PackedReader(start)
        let head = try readHead(&reader)
        let type = try reader.shortText("the type")
        try reader.skip(2, "the number of retries")
        return (head.enqueuedAt, type, try readTraceID(&reader))
    }

    private static func readTraceID(_ reader: inout PackedReader) throws(PackingError) -> TraceID {
        guard
            let id = TraceID(high: try reader.integer("the trace id"), low: try reader.integer("the trace id"))
        else { throw PackingError(description: "its trace id is zero") }
        return id
    }

    /// The priority of a stored message of any version: its place never changes.
    package static func priority(of message: ArraySlice<UInt8>) -> Int {
        let byte = message.dropFirst(15).first ?? UInt8(ascii: "0")
        return (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) ? Int(byte - UInt8(ascii: "0")) : 0
    }

    private struct Head {
        var enqueuedAt: Timestamp
        var flags: UInt8
        var priority: Int
        var digest: [UInt8]?
        var contentDigest: UInt64?
        var presence: Presence
        var runAt: Timestamp?
    }

    private static func readHead(_ reader: inout PackedReader) throws(PackingError) -> Head {
        let enqueuedAt = try reader.stamp("the enqueue time")
        let version = try reader.byte("the version")
        guard (1...latestVersion).contains(version) else {
            throw PackingError(
                description: "its version is \(version), and this program reads versions up to \(latestVersion)",
                isNewer: PackingError.mayCome(version, after: latestVersion))
        }
        let flags = try reader.byte("the flags")
        let priority = Int(try reader.byte("the priority")) - 48
        guard (0...9).contains(priority) else { throw PackingError(description: "its priority is not a digit") }
        let digest = try flags & Flag.lock != 0 ? reader.raw(UniqueLock.digestBytes, "the lock's digest") : nil
        let content: UInt64? = try flags & Flag.contentDigest != 0 ? reader.integer("the content's digest") : nil
        if version > 1 { try reader.skip(Int(try reader.byte("the block")), "the block") }
        let presence = Presence(
            rawValue: try version > 1 ? reader.integer("the presence bits") : UInt16(reader.byte("the presence bits")))
        guard presence.isDisjoint(with: .reserved) else {
            throw PackingError(description: "it has parts that this program does not know", isNewer: true)
        }
        var runAt: Timestamp?
        if presence.contains(.schedule) {
            let schedule = try reader.moment("the schedule")
            let moment =
                schedule.kind == 0
                ? enqueuedAt + .milliseconds(schedule.value) : Timestamp(milliseconds: schedule.value)
            runAt = moment > enqueuedAt ? moment : nil
        }
        return Head(
            enqueuedAt: enqueuedAt, flags: flags, priority: priority, digest: digest, contentDigest: content,
            presence: presence, runAt: runAt)
    }

    private static func flags(_ message: JobMessage) -> UInt8 {
        var flags: UInt8 = message.contentDigest == nil ? 0 : Flag.contentDigest
        switch message.unique?.span.kind {
        case .untilStarted: flags |= Flag.lock | Flag.untilStarted
        case .untilFinished: flags |= Flag.lock
        case .duration: flags |= Flag.lock | Flag.forDuration
        case nil: break
        }
        return flags
    }

    private static func presence(_ job: NewJob) -> Presence {
        var presence: Presence = []
        if job.schedule != .now { presence.insert(.schedule) }
        if job.expiry != nil { presence.insert(.expiry) }
        if job.message.backoff != nil { presence.insert(.backoff) }
        if job.message.timeout != nil { presence.insert(.timeout) }
        if job.message.retention != .standard { presence.insert(.retention) }
        if !job.message.tags.isEmpty { presence.insert(.tags) }
        if job.message.trace.baggage != nil { presence.insert(.baggage) }
        return presence
    }

    private static func pack(_ backoff: RetryPolicy, into writer: inout PackedWriter) {
        switch backoff.kind {
        case .exponential(let base, let cap):
            writer.byte(0)
            writer.duration(base)
            writer.duration(cap)
        case .constant(let delay):
            writer.byte(1)
            writer.duration(delay)
            writer.duration(delay)
        case .linear(let step, let cap):
            writer.byte(2)
            writer.duration(step)
            writer.duration(cap)
        }
    }

    private static func readBackoff(_ reader: inout PackedReader) throws(PackingError) -> RetryPolicy {
        let kind = try reader.byte("the backoff")
        let first = try reader.duration("the backoff")
        let second = try reader.duration("the backoff")
        switch kind {
        case 0: return .exponential(base: first, cap: second)
        case 1: return .constant(first)
        case 2: return .linear(step: first, cap: second)
        default: throw PackingError(description: "its backoff is of the unknown kind \(kind)")
        }
    }
}

/// The span above the enqueue, as a member of a stored tracestate: the place that W3C gives to what a tracing system wants to keep, so that
/// readers who do not know it pass it on. Handlers do not see it.
package enum ParentMember {
    private static let start = "spanq=p:"
    private static let length = start.utf8.count + 16
    /// What a tracestate may have, by the specification.
    private static let most = 512

    package static func joined(_ parent: SpanID?, _ state: String?) -> String? {
        // One in front of what came from outside would be taken for ours.
        let state = parted(state).state
        guard let parent else { return state }
        guard let state else { return "\(start)\(parent)" }
        // No room: others' members come first.
        guard state.utf8.count + length + 1 <= most else { return state }
        return "\(start)\(parent),\(state)"
    }

    package static func parted(_ state: String?) -> (parent: SpanID?, state: String?) {
        guard let state, state.hasPrefix(start) else { return (nil, state) }
        let digits = state.utf8.dropFirst(start.utf8.count).prefix(16)
        let rest = state.utf8.dropFirst(length)
        guard rest.isEmpty || rest.first == UInt8(ascii: ","), let value = UInt64(Substring(digits), radix: 16),
            let parent = SpanID(value), parent.description == Substring(digits)
        else { return (nil, state) }
        return (parent, rest.isEmpty ? nil : String(Substring(rest.dropFirst())))
    }
}

extension PackedWriter {
    fileprivate mutating func moment(_ kind: UInt8, _ milliseconds: Int64) {
        byte(kind)
        integer(milliseconds)
    }
}

extension PackedReader {
    fileprivate mutating func moment(_ what: String) throws(PackingError) -> (kind: UInt8, value: Int64) {
        (try byte(what), try integer(what))
    }
}
