// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Logging
package import SpanQueue

extension Admin {
    /// Does something of which the journal tells: before it what is meant, after it what came of it.
    ///
    /// It is not begun unless the journal has it, but where Redis has no room: else nobody could make any.
    ///
    /// - Parameter count: to how many jobs it was done; nil where that is not known.
    /// - Throws: what `body` throws; what the engine throws where the intent can't be written, and nothing was done then.
    package func journaled<Result>(
        _ deed: JournalDeed, count: (Result) -> Int? = { _ in nil }, _ body: () async throws -> Result
    ) async throws -> Result {
        var facts = deed.metadata
        logger.info("operation begins", metadata: facts)
        let intent = try await begin(deed)
        do {
            let result = try await body()
            await end(deed, .done(count: count(result)), intent)
            facts["count"] = count(result).map { "\($0)" }
            logger.notice("operation done", metadata: facts)
            return result
        } catch {
            await end(deed, .failed(Excerpt.bounded("\(error)", bytes: 500)), intent)
            facts["error"] = "\(error)"
            logger.warning("operation failed", metadata: facts)
            throw error
        }
    }

    /// Tells the journal of a look at what a job carries, as far as that can be told: looking is not refused for it.
    package func journal(look deed: JournalDeed) async {
        logger.info("a look", metadata: deed.metadata)
        await end(deed, .done(count: nil), nil)
    }

    /// Nil where the engine keeps no journal, or has no room for the entry.
    private func begin(_ deed: JournalDeed) async throws -> String? {
        guard let store = try await queue.engine as? any JournalStore else { return nil }
        do {
            return try await store.append(deed, outcome: nil, intent: nil)
        } catch let error as SpanQueueError where error.code == .outOfMemory {
            logger.warning("the journal has no room for an entry", metadata: deed.metadata)
            return nil
        }
    }

    /// What was done is done, whether or not the journal can be told. In a task of its own: a cancelled one would tell it nothing.
    private func end(_ deed: JournalDeed, _ outcome: JournalOutcome, _ intent: String?) async {
        let queue = queue
        let result = await Task {
            guard let store = try await queue.engine as? any JournalStore else { return }
            _ = try await store.append(deed, outcome: outcome, intent: intent)
        }.result
        if case .failure(let error) = result {
            logger.warning(
                "the journal does not know what came of it",
                metadata: deed.metadata.merging(["error": "\(error)"]) { $1 })
        }
    }

    /// A page of the journal, the newest deeds first. Only deeds in queues that are visible are shown.
    ///
    /// - Parameters:
    ///   - cursor: where the last page of the same filter ended.
    ///   - limit: the most deeds wanted.
    /// - Throws: `.unsupported` for an engine without one; `.invalidArgument` for a cursor of another filter.
    package func journal(_ filter: JournalFilter, cursor: String? = nil, limit: Int) async throws -> JournalPageView {
        let engine = try await queue.engine
        guard let store = engine as? any JournalStore else {
            throw SpanQueueError(.unsupported, "the \(engine.name) engine keeps no journal")
        }
        var walk = JournalWalk()
        if let cursor { walk = try JournalWalk(cursor, of: filter) }
        var deeds: [JournalDeedView] = []
        while true {
            let entries = try await store.entries(before: walk.place, limit: Self.journalStep)
            for entry in entries {
                guard walk.isNew(entry), filter.matches(entry.deed, redaction), isVisible(entry.deed) else { continue }
                deeds.append(JournalDeedView(entry))
                if deeds.count >= limit { return JournalPageView(deeds: deeds, cursor: walk.text(of: filter)) }
            }
            guard entries.count == Self.journalStep else { return JournalPageView(deeds: deeds, cursor: nil) }
        }
    }

    static let journalStep = 500

    /// Those who may not see all queues see no deeds that were done to none of theirs.
    func isVisible(_ deed: JournalDeed) -> Bool {
        visible.isAll || deed.queue.map(visible.allow) ?? false
    }
}

extension JournalDeed {
    /// In somebody's name.
    package init(
        _ action: String, queue: String? = nil, target: String? = nil, reason: String? = nil, by principal: Principal
    ) {
        self.init(
            by: principal.name, role: principal.role?.rawValue, address: principal.address,
            via: principal.way.rawValue, action: action, queue: queue, target: target,
            reason: reason.flatMap { $0.isEmpty ? nil : Excerpt.bounded($0, bytes: 500) })
    }
}

extension JournalDeed {
    /// For the log.
    fileprivate var metadata: Logger.Metadata {
        var facts: Logger.Metadata = ["action": "\(action)", "by": "\(by)", "way": "\(via)"]
        facts["role"] = role.map { "\($0)" }
        facts["address"] = address.map { "\($0)" }
        facts["queue"] = queue.map { "\($0)" }
        facts["target"] = target.map { "\($0)" }
        return facts
    }
}
