// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

package import SpanQueue

/// Which jobs somebody looks for.
package struct JobFilter: Sendable, Hashable {
    /// The only queue; nil for all.
    package var queue: String?
    /// The only state; nil for all.
    package var state: JobState?
    /// The type; a final `*` stands for anything.
    package var type: String?
    /// Tags that a job has, all of them.
    package var tags: [String]
    /// How its id begins.
    package var id: String?
    /// A text in its last error, in the name of that error's type, or in the reason for its end.
    package var error: String?
    /// The fingerprint of its last error.
    package var fingerprint: UInt64?
    /// What happened last to it, or its enqueue, did so then or later.
    package var since: TimeBound?
    /// The same, then or earlier.
    package var until: TimeBound?

    package init(
        queue: String? = nil, state: JobState? = nil, type: String? = nil, tags: [String] = [], id: String? = nil,
        error: String? = nil, fingerprint: UInt64? = nil, since: TimeBound? = nil, until: TimeBound? = nil
    ) {
        self.queue = queue
        self.state = state
        self.type = type
        self.tags = tags
        self.id = id
        self.error = error
        self.fingerprint = fingerprint
        self.since = since
        self.until = until
    }

    /// What is asked of a job in the right queue and state.
    ///
    /// - Parameter now: by the engine's clock.
    package func query(at now: Timestamp) -> JobQuery {
        JobQuery(
            type: type, tags: tags, idPrefix: id, error: error, fingerprint: fingerprint, since: since?.moment(at: now),
            until: until?.moment(at: now))
    }

    /// Whether a cursor is of a page of this filter.
    ///
    /// - Throws: `.invalidArgument` where it is not.
    package func check(cursor: String) throws(SpanQueueError) {
        _ = try SearchCursor(cursor, of: self)
    }

    /// What is asked of a job in the right queue and state by those who see its texts masked.
    ///
    /// - Parameter now: by the engine's clock.
    func question(at now: Timestamp, _ redaction: Redaction) -> JobQuestion {
        JobQuestion(query(at: now), redaction)
    }

    /// Eight hexadecimal digits that another filter hardly has.
    var digest: String {
        let parts = [
            queue ?? "", state?.rawValue ?? "", type ?? "", id ?? "", error ?? "", fingerprint.map { "\($0)" } ?? "",
            since?.text ?? "", until?.text ?? "",
        ]
        return Array(Digest.sha256(Array((parts + tags).joined(separator: "\0").utf8)).prefix(4)).hexadecimal
    }
}

/// A moment as somebody writes it: a time, or how long ago it was.
package struct TimeBound: Sendable, Hashable {
    private enum Kind: Sendable, Hashable {
        case ago(Duration)
        case at(Timestamp)
    }

    private let kind: Kind
    let text: String

    /// Reads one.
    ///
    /// - Parameters:
    ///   - text: `2026-11-21T09:30:00Z`, or `1h30m` for how long ago.
    ///   - name: of the option, for the error.
    /// - Throws: `.invalidArgument`.
    package init(_ text: String, _ name: String) throws(SpanQueueError) {
        self.text = text
        if let ago = DurationText.parse(text) {
            kind = .ago(ago)
        } else if let moment = RFC3339(text)?.timestamp {
            kind = .at(moment)
        } else {
            throw SpanQueueError(
                .invalidArgument,
                "\(name) \(Excerpt.printable(text, limit: 40)): write how long ago, such as 1h30m, or a time, such as 2026-11-21T09:30:00Z"
            )
        }
    }

    package init(_ moment: Timestamp) {
        kind = .at(moment)
        text = moment.description
    }

    func moment(at now: Timestamp) -> Timestamp {
        switch kind {
        case .ago(let span): now + (.zero - span)
        case .at(let moment): moment
        }
    }
}

/// A page of what was looked for.
package struct JobsPage: Sendable {
    package var jobs: [JobRecord] = []
    /// Where to go on; nil at the end.
    package var cursor: String?
    /// How many jobs were looked at.
    package var scanned = 0

    package init() {}

    /// - Parameter shown: what of a job is shown, apart from what it carries.
    package func view(_ shown: JobView.Shown) -> JobsView { JobsView(jobs, cursor: cursor, scanned: scanned, shown) }
}
