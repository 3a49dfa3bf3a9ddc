// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import NIOConcurrencyHelpers
import SpanQueueTelemetry

/// What the spans of a job's life share in each queue. Each shape is made with the first span of its kind, and kept.
final class JobSpanShapes: Sendable {
    /// What happens to every job, or to many.
    enum Operation: Int, CaseIterable {
        case enqueue, create, wait, process, complete, retry, snooze, bury, release, cancel
    }

    /// Of how many queues they are kept; those of others are made for each span. A client may name any number of queues.
    private static let mostQueues = 256

    private struct State: Sendable {
        var places: [String: Int] = [:]
        var shapes: [[SpanShape?]] = []
        /// The queue that was asked for last: most often it is the next one too.
        var latest: (queue: String, place: Int)?

        mutating func place(of queue: String) -> Int? {
            if let latest, latest.queue == queue { return latest.place }
            if let place = places[queue] {
                latest = (queue, place)
                return place
            }
            guard shapes.count < JobSpanShapes.mostQueues else { return nil }
            let place = shapes.count
            places[queue] = place
            shapes.append([SpanShape?](repeating: nil, count: Operation.allCases.count))
            latest = (queue, place)
            return place
        }
    }

    private let tracer: SpanQueueTracer
    private let worker: String?
    private let state = NIOLockedValueBox(State())

    /// - Parameter worker: the worker's id; nil for the client.
    init(_ tracer: SpanQueueTracer, worker: String?) {
        self.tracer = tracer
        self.worker = worker
    }

    /// The shape of this worker's spans, or this client's.
    func shape(_ operation: Operation, in queue: String) -> SpanShape {
        state.withLockedValue { state in
            guard let place = state.place(of: queue) else { return make(operation, in: queue, by: worker) }
            if let shape = state.shapes[place][operation.rawValue] { return shape }
            let shape = make(operation, in: queue, by: worker)
            state.shapes[place][operation.rawValue] = shape
            return shape
        }
    }

    /// The shape of spans of another worker, for the one that takes over its jobs.
    func make(_ operation: Operation, in queue: String, by worker: String?) -> SpanShape {
        tracer.shape(
            "\(operation.word) \(queue)", kind: operation.kind,
            attributes: JobSpans.attributes(
                operation.word, operation.type, queue: queue, worker: operation.isByWorker ? worker : nil))
    }
}

extension JobSpanShapes.Operation {
    private static let words = [
        "enqueue", "create", "wait", "process", "complete", "retry", "snooze", "bury", "release", "cancel",
    ]

    /// The name of the operation.
    var word: String { Self.words[rawValue] }

    /// How an attempt is settled.
    init(_ verdict: Verdict) {
        self =
            switch verdict {
            case .complete: .complete
            case .retry: .retry
            case .snooze: .snooze
            case .bury: .bury
            case .release: .release
            case .cancel: .cancel
            }
    }

    /// `messaging.operation.type`.
    fileprivate var type: String? {
        switch self {
        case .enqueue: "send"
        case .create: "create"
        case .wait: nil
        case .process: "process"
        case .complete, .retry, .snooze, .bury, .release, .cancel: "settle"
        }
    }

    fileprivate var kind: SpanData.Kind {
        switch self {
        case .enqueue, .create: .producer
        case .wait: .internal
        case .process: .consumer
        case .complete, .retry, .snooze, .bury, .release, .cancel: .client
        }
    }

    /// A client has no id, also where a worker rebuilds the span from the record.
    fileprivate var isByWorker: Bool { self != .enqueue && self != .create }
}
