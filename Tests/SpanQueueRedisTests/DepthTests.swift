// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import HiredisClient
import SpanQueue
import Testing

@testable import SpanQueueRedis

/// What a person asks for costs a script no more in a long queue than in a short one: what it touches is counted, not timed.
@Suite("Scripts for people in long queues", .serialized)
struct DepthTests {
    /// Counts what the commands of a script touch: entries of lists that are compared, and all else with a weight that is about the tens of
    /// nanoseconds that it takes Redis.
    private static let counter = """

        local true_redis = redis
        local compared, weighed = 0, 0
        local function most(key, value)
          if value > tonumber(true_redis.call('GET', key) or '0') then true_redis.call('SET', key, value) end
        end
        local redis = setmetatable({ call = function(name, ...)
          local words = { ... }
          local key = words[1]
          if name == 'LPOS' then
            local count = true_redis.call('LLEN', key)
            for i = 3, #words - 1 do
              if words[i] == 'MAXLEN' then count = math.min(count, tonumber(words[i + 1])) end
            end
            compared = compared + count
          elseif name == 'LREM' then
            local at = tonumber(words[2]) < 0 and true_redis.call('LPOS', key, words[3], 'RANK', -1)
              or true_redis.call('LPOS', key, words[3])
            local count = true_redis.call('LLEN', key)
            compared = compared + (at and (tonumber(words[2]) < 0 and count - at or at + 1) or count)
          end
          local reply = true_redis.call(name, ...)
          local size = math.max(#words, type(reply) == 'table' and #reply or 1)
          local is_range = name == 'LRANGE' or name == 'ZRANGE' or name == 'LPOP'
          weighed = weighed + size * (is_range and 10 or 50)
          most('most compared', compared)
          most('most weighed', weighed)
          return reply
        end }, { __index = redis })

        """

    private static func counting(_ name: String, _ source: [UInt8]) -> [UInt8] {
        let text = String(decoding: source, as: UTF8.self)
        guard text.hasPrefix("#!lua"), let end = text.firstIndex(of: "\n") else { return source }
        let first = text[..<end].replacing("flags=no-writes", with: "flags=allow-oom")
        return Array((first + counter + text[end...].dropFirst()).utf8)
    }

    private func counted(_ bench: AuditBench, _ name: String, _ work: () async throws -> Void) async throws -> Int {
        try await bench.redis("DEL", "most compared", "most weighed")
        try await work()
        let value = try await bench.redis("GET", name).optionalBytes()
        return value.flatMap { Int(String(decoding: $0, as: UTF8.self)) } ?? 0
    }

    private static let near = 200
    /// A millisecond, in tens of nanoseconds.
    private static let mostWeighed = 100_000

    @Test("no step touches more for a longer list: looking, acting on one, looking for some and acting on each")
    func steps() async throws {
        try await AuditBench.with(nearEntries: Self.near, changing: Self.counting) { bench in
            let ids = (0..<6000).map { "job-\($0)" }
            _ = try await bench.engine.enqueue(ids.map { bench.job($0) })
            func check(_ what: String, _ work: () async throws -> Void) async throws {
                #expect(try await counted(bench, "most compared", work) <= 3 * Self.near, "\(what)")
            }
            func weigh(_ what: String, _ work: () async throws -> Void) async throws {
                let weighed = try await counted(bench, "most weighed", work)
                #expect(weighed > 0 && weighed <= Self.mostWeighed, "\(what): \(weighed)")
            }
            for measure in [check, weigh] {
                try await measure("inspect") { _ = try await bench.engine.job("job-5990", in: nil) }
                try await measure("a page") {
                    _ = try await bench.engine.list(ListRequest(queue: bench.queue, state: .ready, limit: 1000))
                }
                try await measure("a search") {
                    var request = SearchRequest(
                        queue: bench.queue, state: .ready,
                        query: JobQuery(type: "none", since: Timestamp(milliseconds: 1)))
                    repeat {
                        request.cursor = try await bench.engine.search(request).cursor
                    } while request.cursor != nil
                }
            }
            try await check("near the head") { try await bench.perform(.cancel(reason: ""), on: "job-100") }
            try await check("near the tail") { try await bench.perform(.cancel(reason: ""), on: "job-5900") }
            #expect(try await bench.redis("ZCARD", ":priority").integer() == 0)
            try await check("in the middle") { try await bench.perform(.cancel(reason: ""), on: "job-1000") }
            try await weigh("in the middle") { try await bench.perform(.cancel(reason: ""), on: "job-2000") }
            #expect(try await bench.redis("ZCARD", ":priority").integer() > 0)
            try await check("each") {
                var request = SearchRequest(
                    queue: bench.queue, state: .ready, query: JobQuery(idPrefix: "job-3"), isForAction: true)
                repeat {
                    let step = try await bench.engine.search(request)
                    _ = try await bench.engine.perform(
                        .cancel(reason: ""), on: step.jobs.map(\.message.id), in: bench.queue, if: .ready, by: nil)
                    request.cursor = step.cursor
                } while request.cursor != nil
            }
            // All others are there, in their order.
            let gone = Set(["job-100", "job-5900", "job-1000", "job-2000"])
            var left: [JobID] = []
            while case let jobs = try await bench.claim(100), !jobs.isEmpty { left += jobs.map(\.message.id) }
            #expect(left.map(\.description) == ids.filter { !gone.contains($0) && !$0.hasPrefix("job-3") })
            #expect(try await bench.counts()[.cancelled] == 4 + 1111)
            #expect(try await bench.audit.run().findings.isEmpty)
        }
    }

    @Test("a completed job that stands deep is forgotten, and those before it are kept for as long as before")
    func completed() async throws {
        try await AuditBench.with(nearEntries: 10) { bench in
            let ids = (0..<60).map { "job-\($0)" }
            for id in ids { try await bench.settle(bench.start(bench.job(id)), .complete) }
            try await bench.perform(.remove, on: "job-30")
            #expect(try await bench.record("job-30") == nil)
            let first = try #require(try await bench.record("job-0")?.run.changedAt)
            let score = try #require(try await bench.redis("ZSCORE", ":retained", "job-0").optionalBytes())
            #expect(String(decoding: score, as: UTF8.self) == "\((first + .hours(1)).milliseconds)")
            let listed = try await bench.engine.list(ListRequest(queue: bench.queue, state: .completed, limit: 1000))
            // Those that ended in one millisecond stand in the order of their ids in a set.
            #expect(
                listed.jobs.count == 59
                    && Set(listed.jobs.map(\.message.id.description)) == Set(ids).subtracting(["job-30"]))
            #expect(try await bench.counts()[.completed] == 59)
            #expect(try await bench.audit.run().findings.isEmpty)
        }
    }
}
