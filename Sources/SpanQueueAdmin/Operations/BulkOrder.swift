// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

package import SpanQueue
import Synchronization

/// Something to be done to all jobs that a filter finds and to which nothing has happened since a moment: what came later is left out.
package struct BulkOrder: Sendable, Hashable {
    package let action: JobAction
    package let filter: JobFilter
    /// By the engine's clock.
    package let notAfter: Timestamp

    /// - Throws: `.invalidArgument` for a state to which it can't be done, and for a filter that asks for nothing.
    package init(_ action: JobAction, _ filter: JobFilter, notAfter: Timestamp) throws(SpanQueueError) {
        guard filter != JobFilter() else {
            throw SpanQueueError(.invalidArgument, "all jobs of all queues are too many: name a queue, a state, a type")
        }
        if let state = filter.state, !(action.bulkStates + (action.isCancel ? [.active] : [])).contains(state) {
            let known = action.bulkStates.map(\.rawValue).joined(separator: ", ")
            throw SpanQueueError(
                .invalidArgument, "\(state) jobs can't be the aim of \(action.word): use one of \(known)")
        }
        self.action = action
        self.filter = filter
        self.notAfter = notAfter
    }

    /// The states in which to look: where none is named, all to which it can be done; running jobs only where they are named.
    var states: [JobState] { filter.state.map { [$0] } ?? action.bulkStates }

    /// What is asked of a job in the right queue and state.
    func question(_ redaction: Redaction) -> JobQuestion {
        var question = filter.question(at: notAfter, redaction)
        question.query.until = min(question.query.until ?? notAfter, notAfter)
        return question
    }

    /// Why, in the words of who asks for it.
    var reason: String? {
        switch action {
        case .cancel(let reason), .bury(let reason): reason
        case .redrive, .remove: nil
        }
    }

    /// Whether nothing is asked of a job but its queue and state: then their number is known.
    var wantsAll: Bool { filter.query(at: notAfter).isEmpty }
}

extension JobAction {
    fileprivate var isCancel: Bool { if case .cancel = self { true } else { false } }

    /// The states, but for active, to whose jobs it can be done.
    package var bulkStates: [JobState] {
        switch self {
        case .cancel, .bury: [.scheduled, .ready, .retrying]
        case .redrive: [.scheduled, .retrying, .dead]
        case .remove: [.scheduled, .ready, .retrying, .completed, .dead, .cancelled]
        }
    }

    /// An action by its word.
    ///
    /// - Throws: `.invalidArgument`.
    package static func named(_ word: String, reason: String?) throws(SpanQueueError) -> JobAction {
        switch word {
        case "cancel": return .cancel(reason: reason ?? "")
        case "bury": return .bury(reason: reason ?? DeadReason.manual.rawValue)
        case "redrive" where reason == nil: return .redrive
        case "remove" where reason == nil: return .remove
        case "redrive", "remove": throw SpanQueueError(.invalidArgument, "\(word) takes no reason")
        default: throw SpanQueueError(.invalidArgument, "action: use cancel, redrive, bury or remove")
        }
    }
}

extension JobFilter: CustomStringConvertible {
    /// As it is typed into a search: `state:dead type:charge:*`.
    package var description: String {
        let words: [(String, String?)] = [
            ("state", state?.rawValue), ("queue", queue), ("type", type), ("id", id), ("error", error),
            ("fingerprint", fingerprint.map(ErrorFingerprint.text)), ("since", since?.text), ("until", until?.text),
        ]
        let texts = words.compactMap { name, value in value.map { "\(name):\($0)" } } + tags.map { "tag:\($0)" }
        return texts.isEmpty ? "all jobs" : texts.joined(separator: " ")
    }
}

/// How far an action on many jobs has come: written by who does it, read and stopped by others.
package final class BulkProgress: Sendable {
    package struct Counts: Sendable, Hashable {
        /// How many jobs were looked at.
        package var scanned = 0
        package var done = 0
        /// Running jobs whose workers were told.
        package var requested = 0
        /// Left as they were, because another job holds their lock.
        package var duplicates = 0
        /// Left as they were, because they had moved on.
        package var moved = 0
        /// Gone by then.
        package var missing = 0

        mutating func count(_ outcome: ActionOutcome) {
            switch outcome {
            case .done: done += 1
            case .requested: requested += 1
            case .duplicate: duplicates += 1
            case .invalidState: moved += 1
            case .notFound: missing += 1
            }
        }
    }

    private let state = Mutex<(counts: Counts, isStopped: Bool)>((Counts(), false))

    package init() {}

    package var counts: Counts { state.withLock { $0.counts } }
    package var isStopped: Bool { state.withLock { $0.isStopped } }

    /// Asks for no further step.
    package func stop() { state.withLock { $0.isStopped = true } }

    func add(scanned: Int, _ outcomes: [ActionOutcome]) {
        state.withLock { state in
            state.counts.scanned += scanned
            for outcome in outcomes { state.counts.count(outcome) }
        }
    }
}
