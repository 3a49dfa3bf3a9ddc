package import SpanQueue

extension MemoryQueue {
    /// Removes or redrives jobs of one state, oldest first.
    ///
    /// - Throws: `.invalidArgument` for a state that the action does not take.
    package mutating func performAll(
        _ request: BulkRequest, at now: Timestamp
    ) throws(SpanQueueError) -> BulkReply {
        try Self.check(request)
        var line = self[request.state].members[...]
        if let notAfter = request.notAfter {
            line = line.prefix { $0.rank.major <= notAfter.milliseconds }
        }
        let ids = line.dropFirst(request.skip).prefix(min(request.limit, 100)).map(\.id)
        var reply = BulkReply(done: 0, skipped: 0)
        for id in ids {
            switch request.action {
            case .remove:
                remove(id)
                reply.done += 1
            case .redrive:
                if case .done = redrive(id, in: request.state, at: now) { reply.done += 1 } else { reply.skipped += 1 }
            }
        }
        return reply
    }

    private static func check(_ request: BulkRequest) throws(SpanQueueError) {
        guard request.state != .active else {
            throw SpanQueueError(.invalidArgument, "active jobs can't be acted on in bulk: cancel them one by one")
        }
        guard request.action == .remove || request.state == .dead else {
            throw SpanQueueError(.invalidArgument, "only dead jobs can be redriven in bulk, not \(request.state) ones")
        }
        guard request.notAfter == nil || request.state == .dead || request.state == .cancelled else {
            throw SpanQueueError(.invalidArgument, "only dead and cancelled jobs can be chosen by the time they ended")
        }
    }
}
