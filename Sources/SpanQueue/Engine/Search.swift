// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

/// What an engine has that can look for jobs itself, in bounded steps.
package protocol JobSearcher: EngineCore {
    /// One step of a search: looks at a bounded number of jobs of a queue in one state, in order, and gives those that are wanted.
    ///
    /// A job that stays where it is from the first step to the last is met exactly once, whatever moves around it. One that moves
    /// within its state meanwhile, as a running job does whose lease is extended, may be met again.
    func search(_ request: SearchRequest) async throws -> SearchPage
    /// A step that only counts, by type.
    func types(_ request: SearchRequest) async throws -> TypePage
    /// Acts on some jobs of a queue that are in one state, each for itself, in one round trip where that can be. What is in another
    /// state by now is left alone, and answered with `.invalidState`, unless it is where the action would bring it.
    func perform(
        _ action: JobAction, on ids: [JobID], in queue: String, if state: JobState, by: String?
    ) async throws -> [ActionOutcome]
}

/// What jobs somebody looks for, whatever their queue and state.
package struct JobQuery: Sendable, Hashable {
    /// The type; a final `*` stands for anything; nil for any.
    package var type: String?
    /// Tags that a job has, all of them.
    package var tags: [String]
    /// How its id begins.
    package var idPrefix: String?
    /// A text that is in the last error, in the name of that error's type, or in the reason for the job's end. Small and capital letters of
    /// ASCII are the same.
    package var error: String?
    /// That of the last error.
    package var fingerprint: UInt64?
    /// The earliest moment of ``moment(of:)``.
    package var since: Timestamp?
    /// The latest.
    package var until: Timestamp?

    package init(
        type: String? = nil, tags: [String] = [], idPrefix: String? = nil, error: String? = nil,
        fingerprint: UInt64? = nil, since: Timestamp? = nil, until: Timestamp? = nil
    ) {
        self.type = type
        self.tags = tags
        self.idPrefix = idPrefix
        self.error = error
        self.fingerprint = fingerprint
        self.since = since
        self.until = until
    }

    /// Whether it wants all.
    package var isEmpty: Bool { self == JobQuery() }

    /// When what happened last to a job did: when it was enqueued, where nothing has.
    package static func moment(of record: JobRecord) -> Timestamp { record.run.changedAt ?? record.message.enqueuedAt }

    package func matches(_ record: JobRecord) -> Bool { matches(record, as: { $0 }) }

    /// - Parameter shown: makes of each text of the record what is compared.
    package func matches(_ record: JobRecord, as shown: (String) -> String) -> Bool {
        guard tags.isEmpty || Set(tags).isSubset(of: record.message.tags.map(shown)) else { return false }
        if let type {
            let found = shown(record.message.type)
            guard type.hasSuffix("*") ? found.hasPrefix(type.dropLast()) : found == type else { return false }
        }
        if let idPrefix, !shown(record.message.id.description).hasPrefix(idPrefix) { return false }
        if let fingerprint, record.run.errorFingerprint != fingerprint { return false }
        if let error,
            !Self.texts(of: record).contains(where: { Self.folded(shown($0)).contains(Self.folded(error)) })
        {
            return false
        }
        let moment = Self.moment(of: record)
        return since.map { moment >= $0 } ?? true && until.map { moment <= $0 } ?? true
    }

    private static func texts(of record: JobRecord) -> [String] {
        [record.run.lastError, record.run.attemptRecords.last { $0.errorType != nil }?.errorType, record.run.endReason]
            .compactMap(\.self)
    }

    /// With small letters for the capital ones of ASCII: a script can do as much.
    package static func folded(_ text: String) -> String {
        String(decoding: text.utf8.map { (65...90).contains($0) ? $0 + 32 : $0 }, as: UTF8.self)
    }
}

/// A step of a search.
package struct SearchRequest: Sendable, Hashable {
    package var queue: String
    package var state: JobState
    package var query: JobQuery
    /// Where the last step ended; nil for the first.
    package var cursor: String?
    /// The most jobs wanted, 1 to 1000.
    package var limit: Int
    /// Whether the jobs that ended last come first: for those that have ended alone.
    package var newestFirst: Bool
    /// Whether what is found will be acted on: an engine may then put jobs where that costs little. Their order stays.
    package var isForAction: Bool

    package init(
        queue: String, state: JobState, query: JobQuery, cursor: String? = nil, limit: Int = 100,
        newestFirst: Bool = false, isForAction: Bool = false
    ) {
        self.queue = queue
        self.state = state
        self.query = query
        self.cursor = cursor
        self.limit = limit
        self.newestFirst = newestFirst
        self.isForAction = isForAction
    }
}

/// What a step of a search found.
package struct SearchPage: Sendable, Hashable {
    /// What was wanted, in the order in which it will run or has ended.
    package var jobs: [JobRecord]
    /// What to pass for the next step, which may find nothing; nil at the end.
    package var cursor: String?
    /// How many jobs were looked at.
    package var scanned: Int

    package init(jobs: [JobRecord], cursor: String?, scanned: Int) {
        self.jobs = jobs
        self.cursor = cursor
        self.scanned = scanned
    }

    /// How many jobs a step looks at, at most, where it must read them.
    package static let step = 250
}

/// What a step counted.
package struct TypePage: Sendable, Hashable {
    /// How many there are of each type; of one that can't be told the name is empty.
    package var counts: [String: Int]
    package var cursor: String?
    package var scanned: Int

    package init(counts: [String: Int], cursor: String?, scanned: Int) {
        self.counts = counts
        self.cursor = cursor
        self.scanned = scanned
    }
}

extension JobState {
    /// Whether lists of it begin with what came last: where news is looked for.
    package var isNewestFirst: Bool { self == .dead || self == .cancelled || self == .completed }
}
