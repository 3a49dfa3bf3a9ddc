// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import SpanQueue
import Testing

/// One after the other: there is one journal for all queues of an engine.
@Suite("journal", .serialized)
struct JournalTests {
    private func store(_ bench: Bench) throws -> any JournalStore {
        try #require(bench.engine as? any JournalStore)
    }

    private let deed = JournalDeed(
        by: "ada", role: "operator", address: "192.0.2.1", via: "web", action: "purge", queue: "mail",
        target: "state=dead", reason: "a \"reason\"\nof two lines, é")

    @Test("what is appended comes back as it was, the newest first", arguments: EngineUnderTest.direct)
    func order(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            let store = try store(bench)
            let before = try await bench.engine.now()
            let intent = try await store.append(deed, outcome: nil, intent: nil)
            let bare = JournalDeed(by: "eve@host", via: "cli", action: "pause")
            let other = try await store.append(bare, outcome: .done(count: nil), intent: nil)
            let done = try await store.append(deed, outcome: .done(count: 7), intent: intent)
            let failed = try await store.append(deed, outcome: .failed("no"), intent: intent)
            let entries = try await store.entries(before: nil, limit: 4)
            #expect(entries.map(\.place) == [failed, done, other, intent])
            #expect(entries.map(\.deed) == [deed, deed, bare, deed])
            #expect(entries.map(\.intent) == [intent, intent, nil, nil])
            #expect(entries.map(\.outcome) == [.failed("no"), .done(count: 7), .done(count: nil), nil])
            let after = try await bench.engine.now()
            #expect(entries.allSatisfy { before <= $0.at && $0.at <= after })
        }
    }

    @Test("pages go on where the last one ended, whatever is appended meanwhile", arguments: EngineUnderTest.direct)
    func pages(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            let store = try store(bench)
            var places: [String] = []
            for _ in 0..<7 { places.append(try await store.append(deed, outcome: nil, intent: nil)) }
            var seen: [String] = []
            var place: String?
            for limit in [3, 1, 2, 1] {
                let page = try await store.entries(before: place, limit: limit)
                #expect(page.count == limit)
                seen += page.map(\.place)
                place = page.last?.place
                _ = try await store.append(deed, outcome: nil, intent: nil)
            }
            #expect(seen == places.reversed())
            let newest = try await store.entries(before: nil, limit: 1000)
            #expect(try await store.entries(before: newest.last?.place, limit: 10).allSatisfy { $0.place != place })
        }
    }

    @Test("a place that no entry ever had is refused", arguments: EngineUnderTest.direct)
    func places(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            let store = try store(bench)
            for place in ["", "x", "1-", "1-2-3", "-1", "+", "1-x", "\u{0}"] {
                let error = await #expect(throws: SpanQueueError.self, "\(place)") {
                    try await store.entries(before: place, limit: 1)
                }
                #expect(error?.code == .invalidArgument, "\(place)")
            }
        }
    }

    @Test("it keeps the latest ten thousand entries, and not many more", arguments: EngineUnderTest.direct)
    func bound(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            let store = try store(bench)
            let mark = JournalDeed(by: UUID().uuidString, via: "cli", action: "pause")
            for _ in 0..<103 {
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for _ in 0..<100 { group.addTask { _ = try await store.append(mark, outcome: nil, intent: nil) } }
                    try await group.waitForAll()
                }
            }
            var count = 0
            var place: String?
            while true {
                let page = try await store.entries(before: place, limit: 1000)
                #expect(page.allSatisfy { $0.deed == mark })
                count += page.count
                guard page.count == 1000 else { break }
                place = page.last?.place
            }
            #expect((10_000...10_200).contains(count))
        }
    }
}
