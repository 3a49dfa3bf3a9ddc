// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import SpanQueueTelemetry
import SpanQueueTesting
import Testing

@testable import SpanQueue

@Suite("Coding of payloads and results")
struct CodingTests {
    private struct Reminder: Job, Equatable {
        static let jobType = "reminder"
        var at: Date
    }

    private struct Order: Job, Equatable {
        static let jobType = "order"
        var lineItems: [String: Int]
    }

    /// A format of its own: property lists.
    private struct PropertyListCoding: JobCoding {
        func encode<Value: Encodable>(_ value: Value) throws -> [UInt8] {
            let encoder = PropertyListEncoder()
            encoder.outputFormat = .xml
            return Array(try encoder.encode(value))
        }

        func decode<Value: Decodable>(_ type: Value.Type, from bytes: [UInt8]) throws -> Value {
            try PropertyListDecoder().decode(type, from: Data(bytes))
        }
    }

    private func make(_ job: some Job, _ configuration: JobQueueConfiguration = .init()) throws -> NewJob {
        try NewJob(EnqueueRequest(job, .unique(.untilFinished)), configuration: configuration, trace: .root())
    }

    @Test("a date keeps its fraction, and comes back as it was")
    func dates() throws {
        let coding = JSONJobCoding()
        for seconds in [0, 0.5, 0.125, 0.001, 0.000_001, 1_795_253_400.125, 1_795_253_400.123_456_7, -0.25, 4e9 + 0.1] {
            let job = Reminder(at: Date(timeIntervalSince1970: seconds))
            #expect(try coding.decode(Reminder.self, from: coding.encode(job)) == job, "\(seconds)")
        }
        let whole = Reminder(at: Date(timeIntervalSince1970: 1_795_253_400))
        #expect(String(decoding: try coding.encode(whole), as: UTF8.self) == #"{"at":"2026-11-21T09:30:00Z"}"#)
        let fraction = Reminder(at: Date(timeIntervalSince1970: 1_795_253_400.5))
        #expect(String(decoding: try coding.encode(fraction), as: UTF8.self) == #"{"at":"2026-11-21T09:30:00.500Z"}"#)
        #expect(try make(whole).message.unique?.digest != make(fraction).message.unique?.digest)
        #expect(throws: EncodingError.self) { try coding.encode(Reminder(at: .distantFuture + 1e12)) }
    }

    @Test(
        "dates of other languages are read",
        arguments: [
            "2026-11-21T09:30:00.125Z", "2026-11-21T09:30:00.125000+00:00", "2026-11-21T10:30:00.125+0100",
            "2026-11-21 09:30:00.125000000Z",
        ])
    func foreignDates(text: String) throws {
        let job = try JSONJobCoding().decode(Reminder.self, from: Array(#"{"at":"\#(text)"}"#.utf8))
        #expect(job.at == Date(timeIntervalSince1970: 1_795_253_400.125))
    }

    @Test("equal values have equal bytes, also where the coders are changed")
    func digests() throws {
        let items = Dictionary(uniqueKeysWithValues: (0..<50).map { ("item\($0)", $0) })
        var configuration = JobQueueConfiguration()
        configuration.coding = JSONJobCoding { encoder, decoder in
            encoder.outputFormatting = []
            encoder.keyEncodingStrategy = .convertToSnakeCase
            decoder.keyDecodingStrategy = .convertFromSnakeCase
        }
        let first = try make(Order(lineItems: items), configuration)
        let other = Order(lineItems: Dictionary(uniqueKeysWithValues: items.reversed()))
        #expect(try make(other, configuration).message.unique == first.message.unique)
        #expect(String(decoding: first.message.payload, as: UTF8.self).hasPrefix(#"{"line_items":{"item0":0,"#))
    }

    @Test("a queue's coding is used for payloads and results, by the client and by the worker")
    func replaced() async throws {
        let configuration = JobQueueConfiguration(coding: PropertyListCoding())
        let queue = try JobQueue(engine: .inMemory(), configuration: configuration, telemetry: JobTelemetry())
        let worker = try Worker(queue)
        try worker.handle(Order.self) { order, context in try context.setResult(order.lineItems) }
        let order = Order(lineItems: ["a": 2])
        var ids = [try await queue.enqueue(order).id]
        for result in try await queue.enqueue([EnqueueRequest(order)]) { ids.append(try result.get().id) }
        for result in try await queue.enqueue([order]) { ids.append(try result.get().id) }
        _ = try await worker.runOnce()
        for id in ids {
            let record = try #require(try await queue.job(id))
            #expect(record.message.payload.starts(with: "<?xml".utf8))
            #expect(try record.message.decode(Order.self, using: PropertyListCoding()) == order)
            #expect(try record.result(as: [String: Int].self, using: PropertyListCoding()) == ["a": 2])
        }
    }

    @Test("what can't be encoded is refused, and does not keep the others of a call out")
    func unencodable() async throws {
        let queue = try JobQueue(engine: .inMemory(), telemetry: JobTelemetry())
        let bad = Reminder(at: Date(timeIntervalSince1970: .infinity))
        let error = await #expect(throws: SpanQueueError.self) { try await queue.enqueue(bad) }
        #expect(error?.code == .invalidArgument && error?.message.contains("reminder can't be encoded") == true)
        let results = try await queue.enqueue([bad, Reminder(at: Date())])
        #expect(results.map { (try? $0.get()) != nil } == [false, true])
    }

    /// Its errors have fields that are nobody's business.
    private struct SecretCoding: JobCoding {
        private struct Failure: Error { var key = "hunter2" }

        func encode<Value: Encodable>(_ value: Value) throws -> [UInt8] {
            guard value is Order else { throw Failure() }
            return [1]
        }

        func decode<Value: Decodable>(_ type: Value.Type, from bytes: [UInt8]) throws -> Value { throw Failure() }
    }

    @Test("of an error of a coder of one's own the fields are told nowhere")
    func secrets() async throws {
        let queue = try JobQueue(
            engine: .inMemory(), configuration: JobQueueConfiguration(coding: SecretCoding()), telemetry: JobTelemetry()
        )
        let worker = try Worker(queue)
        try worker.handle(Order.self) { _, _ in }
        try worker.handle("result") { _, context in try context.setResult(1) }
        let ids = try await [
            queue.enqueue(Order(lineItems: [:])).id, queue.enqueue(type: "result", payload: []).id,
        ]
        let refused = await #expect(throws: SpanQueueError.self) { try await queue.enqueue(Reminder(at: Date())) }
        #expect(refused?.message.contains("reminder can't be encoded: Failure") == true, "\(refused?.message ?? "")")
        _ = try await worker.runOnce()
        for id in ids {
            let record = try #require(try await queue.job(id))
            #expect(record.state == .dead)
            let error = try #require(record.run.lastError)
            #expect(error.hasSuffix(": Failure"), "\(error)")
        }
    }

    @Test("a result is a value, and nil where there is none")
    func results() async throws {
        let queue = try JobQueue(engine: .inMemory(), telemetry: JobTelemetry())
        let worker = try Worker(queue)
        try worker.handle("sum") { _, context in try context.setResult([1.5, 2]) }
        try worker.handle("none") { _, _ in }
        let (sum, none) = try await (queue.enqueue(type: "sum", payload: []), queue.enqueue(type: "none", payload: []))
        _ = try await worker.runOnce()
        let record = try #require(try await queue.job(sum.id))
        #expect(try record.result(as: [Double].self) == [1.5, 2])
        #expect(throws: DecodingError.self) { try record.result(as: String.self) }
        #expect(try #require(try await queue.job(none.id)).result(as: String.self) == nil)
    }
}
