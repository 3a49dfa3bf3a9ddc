// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

/// How the record of what happened to a job is stored: a fixed beginning that engines change in place, then entries, to
/// which they append.
///
/// ```
/// byte 1          version, 1
/// bytes 2 and 3   attempts
/// byte 4          reclaims
/// then entries    tag, length (3 bytes), body:
///   'F' fingerprint of the last error (64 bits): always the first, so that it is found at a fixed place
///   'E' last error    'P' progress: fraction (64 bits), note    'R' result    'D' events dropped (32 bits)
///   'S' how often in a row its handler has put it off (16 bits)
///   'A' an attempt, see `packAttempt`; its last 13 bytes, the time of its end, are appended where it is settled
///   'L' a lost attempt, written where it is taken back: fate, time, lease (nothing where there was none)
///   'V' redriven: time    'B' buried by a person: time, reason    'C' cancelled: time, reason; behind each of these, where it is
///   known, a NUL and who asked for it
/// ```
///
/// An entry that is not known stays, in front of the events. Nothing is ever appended behind the attempt that completed the job.
package enum RunPacking {
    private static let version: UInt8 = 1
    private static let stampBytes = 13

    private enum Tag {
        static let lastError = UInt8(ascii: "E")
        static let progress = UInt8(ascii: "P")
        static let result = UInt8(ascii: "R")
        static let dropped = UInt8(ascii: "D")
        static let snoozes = UInt8(ascii: "S")
        static let attempt = UInt8(ascii: "A")
        static let lost = UInt8(ascii: "L")
        static let redriven = UInt8(ascii: "V")
        static let buried = UInt8(ascii: "B")
        static let cancelled = UInt8(ascii: "C")
        static let fingerprint = UInt8(ascii: "F")
    }

    private struct Field: OptionSet {
        let rawValue: UInt8
        static let retryDelay = Field(rawValue: 1)
        static let reason = Field(rawValue: 2)
        static let errorType = Field(rawValue: 4)
        static let error = Field(rawValue: 8)
    }

    // MARK: Writing

    /// A record as it stands.
    package static func pack(_ run: RunRecord) -> [UInt8] {
        pack(run, leavingLastEndOpen: false)
    }

    /// A record whose last event is the attempt that is being settled: the time of its end is left for the script to append.
    package static func packForSettlement(_ run: RunRecord) -> [UInt8] {
        pack(run, leavingLastEndOpen: true)
    }

    private static func pack(_ run: RunRecord, leavingLastEndOpen: Bool) -> [UInt8] {
        var writer = PackedWriter(capacity: 128 + (run.result?.count ?? 0) + (run.lastError?.utf8.count ?? 0))
        writer.byte(version)
        writer.integer(UInt16(clamping: run.attempts))
        writer.byte(UInt8(clamping: run.reclaims))
        if let fingerprint = run.errorFingerprint { writer.entry(Tag.fingerprint) { $0.integer(fingerprint) } }
        if let error = run.lastError { writer.entry(Tag.lastError) { $0.raw(error.utf8) } }
        if let progress = run.progress {
            writer.entry(Tag.progress) {
                $0.integer(progress.fraction.bitPattern)
                $0.raw(progress.note.utf8)
            }
        }
        if let result = run.result { writer.entry(Tag.result) { $0.raw(result) } }
        if run.droppedEvents > 0 { writer.entry(Tag.dropped) { $0.integer(UInt32(clamping: run.droppedEvents)) } }
        if run.snoozes > 0 { writer.entry(Tag.snoozes) { $0.integer(UInt16(clamping: run.snoozes)) } }
        writer.raw(run.unknownEntries)
        for (index, event) in run.history.enumerated() {
            let isOpen = leavingLastEndOpen && index == run.history.count - 1
            switch event.content {
            case .attempt(let record):
                writer.entry(Tag.attempt, missing: isOpen ? stampBytes : 0) {
                    packAttempt(record, into: &$0)
                    if !isOpen { $0.stamp(record.endedAt) }
                }
            case .redriven(let at):
                writer.entry(Tag.redriven) {
                    $0.stamp(at)
                    $0.reason("", by: event.by)
                }
            case .buried(let at, let reason):
                writer.entry(Tag.buried) {
                    $0.stamp(at)
                    $0.reason(reason, by: event.by)
                }
            case .cancelled(let at, let reason):
                writer.entry(Tag.cancelled) {
                    $0.stamp(at)
                    $0.reason(reason, by: event.by)
                }
            }
        }
        return writer.bytes
    }

    /// Number (16 bits), outcome, token (64), nonce (32), eligible and claimed at (64 each), which of the following there are,
    /// retry delay (64), worker, reason, error type, error.
    private static func packAttempt(_ record: AttemptRecord, into writer: inout PackedWriter) {
        writer.integer(UInt16(clamping: record.number))
        writer.byte(record.outcome.code)
        writer.integer(record.token.value)
        writer.integer(record.token.nonce)
        writer.integer(record.eligibleAt.milliseconds)
        writer.integer(record.claimedAt.milliseconds)
        var fields: Field = []
        if record.retryDelay != nil { fields.insert(.retryDelay) }
        if record.reason != nil { fields.insert(.reason) }
        if record.errorType != nil { fields.insert(.errorType) }
        if record.error != nil { fields.insert(.error) }
        writer.byte(fields.rawValue)
        if let delay = record.retryDelay { writer.duration(delay) }
        writer.shortText(record.worker)
        if let reason = record.reason { writer.longText(reason) }
        if let type = record.errorType { writer.shortText(type) }
        if let error = record.error { writer.longText(error) }
    }

    // MARK: Reading

    /// - Parameter eligibleAt: when the job could first have been claimed.
    package static func unpack(_ bytes: [UInt8], eligibleAt: Timestamp) throws(PackingError) -> RunRecord {
        var reader = PackedReader(bytes)
        let version = try reader.byte("the version of its runs")
        guard version == self.version else {
            throw PackingError(
                description: "its runs are of version \(version), and this program reads \(self.version)",
                isNewer: PackingError.mayCome(version, after: self.version))
        }
        var run = RunRecord()
        run.attempts = Int(try reader.integer("the number of attempts") as UInt16)
        run.reclaims = Int(try reader.byte("the number of reclaims"))
        var charged = 0
        while !reader.isAtEnd {
            let start = reader.position
            let tag = try reader.byte("an entry")
            let length = try reader.length("an entry")
            guard length <= reader.remaining else { throw PackingError(description: "an entry of its runs is cut off") }
            var body = PackedReader(bytes, from: reader.position, to: reader.position + length)
            _ = try reader.raw(length, "an entry")
            switch tag {
            case Tag.fingerprint: run.errorFingerprint = try body.integer("the fingerprint of an error")
            case Tag.lastError: run.lastError = try body.text(body.remaining, "the last error")
            case Tag.progress:
                let fraction = Double(bitPattern: try body.integer("the progress"))
                run.progress = JobProgress(fraction: fraction, note: try body.text(body.remaining, "the progress"))
            case Tag.result: run.result = body.rest()
            case Tag.snoozes: run.snoozes = Int(try body.integer("the snoozes") as UInt16)
            case Tag.dropped: run.droppedEvents = Int(try body.integer("the dropped events") as UInt32)
            case Tag.attempt:
                let record = try readAttempt(&body)
                charged = record.isCharged ? record.number : record.number - 1
                run.append(.attempt(record))
            case Tag.lost:
                run.append(
                    .attempt(try readLost(&body, number: charged + 1, eligibleAt: run.eligibleAt ?? eligibleAt)))
            case Tag.redriven:
                // Only a dead letter starts afresh; a job that was waiting for its time goes on counting.
                if run.history.last?.isDeath ?? false { charged = 0 }
                let at = try body.stamp("the redrive")
                run.append(.redriven(at: at, by: body.note().by))
            case Tag.buried:
                let at = try body.stamp("the burial")
                let (reason, by) = body.note()
                run.append(.buried(at: at, reason: reason, by: by))
            case Tag.cancelled:
                let at = try body.stamp("the cancel")
                let (reason, by) = body.note()
                run.append(.cancelled(at: at, reason: reason, by: by))
            default:
                // A later version may know more kinds of entries. A settlement writes the whole record again, and must not lose them.
                run.unknownEntries += bytes[start..<reader.position]
            }
        }
        return run
    }

    /// What is stored of a cancel that was asked for while a job runs: time, reason, and behind a NUL who asked. Programs of layout 1 store
    /// no time.
    package static func cancelRequest(_ bytes: [UInt8]) -> CancelRequest {
        let digits = bytes.prefix(stampBytes)
        let isTimed = digits.count == stampBytes && digits.allSatisfy { UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }
        let at = isTimed ? Int64(String(decoding: digits, as: UTF8.self)).map { Timestamp(milliseconds: $0) } : nil
        var reader = PackedReader(bytes, from: isTimed ? stampBytes : 0)
        let (reason, by) = reader.note()
        return CancelRequest(at: at, reason: reason, by: by)
    }

    private static func readAttempt(_ body: inout PackedReader) throws(PackingError) -> AttemptRecord {
        let number: UInt16 = try body.integer("an attempt's number")
        let outcome = AttemptOutcome(code: try body.byte("an attempt's outcome"))
        let token = FencingToken(value: try body.integer("a token"), nonce: try body.integer("a nonce"))
        let eligible = Timestamp(milliseconds: try body.integer("a time"))
        let claimed = Timestamp(milliseconds: try body.integer("a time"))
        let fields = Field(rawValue: try body.byte("an attempt's fields"))
        let delay = try fields.contains(.retryDelay) ? body.duration("a retry's delay") : nil
        let worker = try body.shortText("a worker")
        let reason = try fields.contains(.reason) ? body.longText("a reason") : nil
        let type = try fields.contains(.errorType) ? body.shortText("an error's type") : nil
        let error = try fields.contains(.error) ? body.longText("an error") : nil
        // A later version may put more here. The end is what the script appended.
        if body.remaining > stampBytes { try body.skip(body.remaining - stampBytes, "an attempt") }
        return AttemptRecord(
            number: Int(number), token: token, worker: worker, eligibleAt: eligible, claimedAt: claimed,
            endedAt: try body.stamp("an attempt's end"), outcome: outcome, retryDelay: delay, reason: reason,
            errorType: type, error: error)
    }

    private static func readLost(
        _ body: inout PackedReader, number: Int, eligibleAt: Timestamp
    ) throws(PackingError) -> AttemptRecord {
        let fate = try body.byte("a lost attempt")
        let ended = try body.stamp("a lost attempt")
        // A job that was active without a lease, which should not be, is reclaimed all the same: nobody knows whose it was.
        let lease = try body.isAtEnd ? nil : Lease(body.text(body.remaining, "a lease"))
        return AttemptRecord(
            number: number, token: lease?.token ?? FencingToken(value: 0, nonce: 0), worker: lease?.worker ?? "unknown",
            eligibleAt: eligibleAt, claimedAt: min(lease?.claimedAt ?? ended, ended), endedAt: ended, outcome: .lost,
            reason: fate == UInt8(ascii: "d") ? DeadReason.leaseExpired.rawValue : nil, errorType: "lease_expired",
            error: "the worker did not extend its lease")
    }
}

extension HistoryEvent {
    /// Whether the job became a dead letter by it.
    fileprivate var isDeath: Bool {
        switch content {
        case .buried: true
        case .attempt(let record):
            record.outcome == .buried || record.outcome == .lost && record.reason == DeadReason.leaseExpired.rawValue
        case .redriven, .cancelled: false
        }
    }
}

extension PackedWriter {
    fileprivate mutating func entry(_ tag: UInt8, missing: Int = 0, _ body: (inout PackedWriter) -> Void) {
        byte(tag)
        let place = bytes.count
        length(0)
        body(&self)
        let size = bytes.count - place - 3 + missing
        setByte(UInt8(truncatingIfNeeded: size >> 16), at: place)
        setByte(UInt8(truncatingIfNeeded: size >> 8), at: place + 1)
        setByte(UInt8(truncatingIfNeeded: size), at: place + 2)
    }

    fileprivate mutating func reason(_ reason: String, by: String?) {
        raw(reason.utf8)
        guard let by else { return }
        byte(0)
        raw(by.utf8)
    }

    /// Thirteen digits of milliseconds.
    package mutating func stamp(_ moment: Timestamp) {
        raw(moment.stamp.utf8)
    }
}

extension PackedReader {
    /// The rest: a reason, and behind a NUL who gave it.
    fileprivate mutating func note() -> (reason: String, by: String?) {
        let parts = rest().split(separator: 0, maxSplits: 1, omittingEmptySubsequences: false)
        return (
            String(decoding: parts[0], as: UTF8.self), parts.count > 1 ? String(decoding: parts[1], as: UTF8.self) : nil
        )
    }
}

extension RunRecord {
    /// What can be told of a job whose message can't be read: its runs may still be readable.
    package static func unreadable(_ problem: String, _ bytes: [UInt8]?) -> RunRecord {
        let epoch = Timestamp(milliseconds: 0)
        var run = bytes.flatMap { try? RunPacking.unpack($0, eligibleAt: epoch) } ?? RunRecord()
        run.lastError = run.lastError ?? "the job's record can't be read: \(problem)"
        return run
    }
}
