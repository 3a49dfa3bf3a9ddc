// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueueLoop

/// One command on its way: from the caller, through the queue, to the reply.
///
/// `@unchecked Sendable`: the calling task makes it and sets `completion`, then hands it to the loop and never touches it
/// again; every other change happens on the loop's thread.
final class Request: QueuedCommand, @unchecked Sendable {
    enum Completion {
        case none
        /// Unsafe continuations suffice: `finish(with:)` takes the completion out as it uses it, and every request in
        /// the client's queue or its parking place is finished by a reply, the deadline, cancellation or `close()`.
        case caller(UnsafeContinuation<RESPReply, any Error>)
        case part(PipelineBatch, index: Int)
        case pending(PendingReply)
        /// Of the client's own; called on the loop's thread.
        case callback(@Sendable (Result<RESPReply, RedisError>) -> Void)
        /// The client's own `SCRIPT LOAD`.
        case scriptLoad(RedisScript)
    }

    private(set) var command: RESPCommand
    let script: RedisScript?
    let isIdempotent: Bool
    let start: ContinuousClock.Instant
    let deadline: ContinuousClock.Instant
    let size: Int
    var completion = Completion.none

    var place = CommandPlace.new
    private(set) var isFinished = false
    /// Cancelled before the loop saw it.
    var isCancelledEarly = false
    /// Whether a cancellation ends it only while it is not written: its caller must know whether it ran.
    let isCertain: Bool
    /// Whether it is sent again where Redis has refused to run it and a wait may cure that.
    let isRetried: Bool
    /// How often it was written, on this connection or an earlier one, and Redis did not say that it has not run it.
    var unanswered = 0
    var mayHaveRun: Bool { unanswered > 0 }
    /// Send the source and not the digest, which the server has lost again since it was loaded for this request.
    var mustSendSource = false
    var isReloaded = false
    var retries = 0

    init(
        _ command: RESPCommand, script: RedisScript? = nil, timeout: Duration, idempotent: Bool, certain: Bool = false,
        retried: Bool = true
    ) {
        isCertain = certain
        isRetried = retried
        self.command = command
        self.script = script
        isIdempotent = idempotent
        size = command.size
        start = .now
        deadline = start + timeout
    }

    convenience init(_ call: RedisScriptCall, timeout: Duration, idempotent: Bool, certain: Bool = false) {
        self.init(call.tail, script: call.script, timeout: timeout, idempotent: idempotent, certain: certain)
    }

    var name: String { command.name }

    /// Nothing else has to go before it: its script's digest is known.
    var isReadyToSend: Bool { script == nil || script?.digest != nil }

    func encode(into output: inout [UInt8]) {
        guard let script else { return command.encode(into: &output) }
        output.appendArrayHeader(count: command.argumentCount + 2)
        if !mustSendSource, let digest = script.digest {
            output.appendBulk(evalsha)
            output.appendBulk(digest)
        } else {
            output.appendBulk(eval)
            output.appendBulk(script.source)
        }
        output.append(contentsOf: command.arguments)
    }

    /// Tells the caller, the first time; from then on the request is at most an abandoned slot.
    func finish(with result: Result<RESPReply, any Error>) {
        isFinished = true
        let completion = completion
        self.completion = .none
        // An abandoned slot may wait for long: it keeps its place, not its bytes.
        command = RESPCommand(released: command)
        switch completion {
        case .none: break
        case .caller(let continuation): continuation.resume(with: result)
        case .part(let batch, let index): batch.set(index, result)
        case .pending(let pending): pending.finish(with: result)
        case .callback(let callback):
            callback(result.mapError { $0 as? RedisError ?? RedisError(.cancelled, "cancelled") })
        case .scriptLoad(let script): if case .success(let reply) = result { script.learn(from: reply) }
        }
    }
}

private let evalsha = Array("EVALSHA".utf8)
private let eval = Array("EVAL".utf8)

/// The requests of one pipeline.
typealias PipelineBatch = RequestBatch<Request, RESPReply, RedisError>
