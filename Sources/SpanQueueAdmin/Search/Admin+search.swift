// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueue

extension Admin {
    /// The most jobs that one page looks at.
    package static let searchBudget = 10_000
    private static let step = 100

    /// A page of jobs, queue by queue and state by state: those that wait in the order in which they will run, dead letters
    /// with the newest first.
    ///
    /// - Parameters:
    ///   - cursor: where the last page of the same filter ended.
    ///   - limit: the most jobs wanted, 1 to 1,000.
    /// - Throws: `.notFound` for a queue that does not exist; `.invalidArgument` for a cursor of another filter.
    package func search(_ filter: JobFilter, cursor: String? = nil, limit: Int) async throws -> JobsPage {
        var page = JobsPage()
        let start: SearchCursor? = if let cursor { try SearchCursor(cursor, of: filter) } else { nil }
        let names =
            if let name = filter.queue { try await queues([name]).map(\.name) } else { try await self.names() }
        let states = filter.state.map { [$0] } ?? JobState.known
        for name in names where start.map({ name >= $0.queue }) ?? true {
            let isFirst = name == start?.queue
            for state in states.drop(while: { isFirst && $0 != start?.state }) {
                var place = isFirst && state == start?.state ? start?.place : nil
                repeat {
                    if page.jobs.count >= limit || page.scanned >= Self.searchBudget {
                        page.cursor = SearchCursor(queue: name, state: state, place: place).text(of: filter)
                        return page
                    }
                    place = try await look(in: name, state, from: place, filter, limit - page.jobs.count, &page)
                } while place != nil
            }
        }
        return page
    }

    /// Adds the jobs of one step, and says where the next one begins.
    private func look(
        in name: String, _ state: JobState, from place: String?, _ filter: JobFilter, _ left: Int,
        _ page: inout JobsPage
    ) async throws -> String? {
        var request = ListRequest(
            queue: name, state: state, cursor: place, limit: filter.isSelective ? Self.step : min(left, 500),
            newestFirst: state == .dead)
        var list = try await queue.list(request)
        // Where there are more than are wanted, the step ends with the last of these, so that the next page begins behind it.
        if list.jobs.count(where: filter.matches) > left {
            request.limit = list.jobs.indices.filter { filter.matches(list.jobs[$0]) }[left - 1] + 1
            list = try await queue.list(request)
        }
        // Jobs may have moved in between.
        if list.jobs.count(where: filter.matches) > left {
            request.limit = left
            list = try await queue.list(request)
        }
        page.scanned += list.jobs.count
        page.jobs += list.jobs.filter(filter.matches)
        return list.cursor
    }
}
