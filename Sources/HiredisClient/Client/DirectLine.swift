// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueueLoop

/// What a caller's thread needs of a connection that is lent to it.
///
/// `@unchecked Sendable`: all but `loan` belongs to whom the loan names, the loop or the one caller who has taken it; the loan's
/// atomic word hands it over with everything that was written before.
final class DirectLine: @unchecked Sendable {
    /// What came of a call on the caller's own thread, where there is more for the loop to do.
    ///
    /// `@unchecked Sendable`: it goes from the caller to the loop once, and the caller does not keep it.
    struct Rest: @unchecked Sendable {
        /// The call, where it is still open.
        var request: Request?
        /// Its reply, where that says that it has failed.
        var reply: RESPReply?
        /// What has happened to the connection.
        var failure: RedisError?
    }

    enum End {
        /// Another has the connection, or it is not a time to wait.
        case notTaken
        case replied(RESPReply, Rest?)
        case open(Rest)
    }

    /// Of a command that goes out from its caller's thread: a socket takes so much in one go.
    private static let mostBytes = 64 * 1024
    private static let readSize = 16 * 1024

    let loan = ConnectionLoan()
    var transport: (any Transport)?
    var reader: ReplyReader?
    /// The last command; after a call, what of it the socket did not take.
    var output = WriteBuffer()
    private var budget: WaitBudget
    private let longestMilliseconds: Int32

    /// - Parameter longestWait: for a reply, in whole milliseconds.
    init(longestWait: Duration) {
        budget = WaitBudget(longest: longestWait)
        longestMilliseconds = Int32(min(longestWait, .seconds(60)) / .milliseconds(1))
    }

    /// Sends a command and waits for its reply, here and no longer than is allowed.
    func exchange(_ request: Request) -> End {
        guard request.size <= Self.mostBytes, request.isReadyToSend, loan.tryTake() else { return .notTaken }
        guard budget.allows(at: request.start), let transport, let reader else {
            return loan.giveBack() ? .notTaken : .open(Rest(request: request))
        }
        output.append(request.encode)
        request.unanswered += 1
        let end = run(request, transport, reader)
        let now = ContinuousClock.now
        budget.waited(request.start.duration(to: now), until: now)
        guard case .replied(let reply, nil) = end else { return end }
        return loan.giveBack() ? end : .replied(reply, Rest())
    }

    private func run(_ request: Request, _ transport: any Transport, _ reader: ReplyReader) -> End {
        switch output.withUnsentBytes(transport.write) {
        case .moved(let count): output.markSent(count)
        case .wants: break
        case .closed(let error): return .open(Rest(request: request, failure: error))
        }
        guard output.isEmpty else { return .open(Rest(request: request)) }
        return withUnsafeTemporaryAllocation(byteCount: Self.readSize, alignment: 16) { buffer in
            while transport.hasBufferedInput
                || waitUntilReadable(transport.descriptor, milliseconds: longestMilliseconds)
            {
                switch transport.read(into: buffer) {
                case .wants(.read): continue
                case .wants: return .open(Rest(request: request))
                case .closed(let error): return .open(Rest(request: request, failure: error))
                case .moved(let count):
                    do throws(RedisError) {
                        let bytes = UnsafeRawBufferPointer(rebasing: buffer[..<count])
                        guard let reply = try reader.first(in: bytes) else { continue }
                        guard reply.kind != .error else { return .open(Rest(request: request, reply: reply)) }
                        guard !transport.hasBufferedInput, reader.isBetweenReplies else {
                            return .replied(reply, Rest(failure: .unasked(try reader.next() ?? .null)))
                        }
                        return .replied(reply, nil)
                    } catch {
                        return .open(Rest(request: request, failure: error))
                    }
                }
            }
            return .open(Rest(request: request))
        }
    }
}
