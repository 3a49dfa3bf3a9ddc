import Testing

@testable import SpanQueueRedis

@Suite("Group commit")
struct GroupCommitTests {
    @Test("callers that come while a commit is under way leave together, and each gets its own outcome")
    func coalesces() async throws {
        let sizes = Sizes()
        let commits = GroupCommit<Int, Int>(limit: 1000, weight: { _ in 1 })
        let commit: @Sendable ([Int]) async throws -> [Int] = { items in
            await sizes.add(items.count)
            try await Task.sleep(for: .milliseconds(20))
            return items.map { $0 * 2 }
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<100 {
                group.addTask {
                    let outcome = try await commits.submit(number, commit: commit)
                    #expect(outcome == number * 2)
                }
            }
            try await group.waitForAll()
        }
        #expect(await sizes.all.reduce(0, +) == 100)
        #expect(await sizes.all.count <= 10)
    }

    @Test("a commit that fails fails its own callers, and the next one goes on")
    func failures() async throws {
        let commits = GroupCommit<Int, Int>(limit: 1, weight: { _ in 1 })
        let commit: @Sendable ([Int]) async throws -> [Int] = { items in
            if items.contains(13) { throw CancellationError() }
            return items
        }
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<50 {
                group.addTask {
                    let outcome = try? await commits.submit(number, commit: commit)
                    #expect(outcome == (number == 13 ? nil : number))
                }
            }
        }
        #expect(try await commits.submit(7, commit: commit) == 7)
    }

    private actor Sizes {
        var all: [Int] = []
        func add(_ size: Int) { all.append(size) }
    }
}
