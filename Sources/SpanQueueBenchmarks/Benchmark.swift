// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueue

/// One thing to measure. Each runs in queues and keys of its own, which it removes at its end.
package enum Benchmark: String, Sendable, CaseIterable {
    /// The floor: `XADD` in pipelines of 64, nothing but what Redis does natively.
    case floorEnqueue = "floor-enqueue"
    /// The floor: `XREADGROUP`, `XACK` and `XDEL` in batches of 64.
    case floorDrain = "floor-drain"
    /// The floor with all that a job consists of: each entry an id, a type, a trace context, a time and the payload.
    case floorEnqueueJob = "floor-enqueue-job"
    /// The same entries read, each field taken out of the reply, acknowledged and deleted.
    case floorDrainJob = "floor-drain-job"
    /// A blocking `EVALSHA` on a bare hiredis connection, one after the other: what a lone enqueue can't be faster than.
    case roundTrip = "round-trip"
    /// The same with the call that a lone enqueue makes: our script, its keys and a packed job, no thread in between.
    case enqueueRoundTrip = "enqueue-round-trip"
    /// `enqueue` of one job after the other.
    case enqueueOne = "enqueue-one"
    /// `enqueue` of one job at a time from 64 tasks.
    case enqueueTasks = "enqueue-tasks"
    /// `enqueue` of arrays.
    case enqueueBulk = "enqueue-bulk"
    /// `enqueue` of arrays of jobs whose payloads are bytes already, as those of the floor are.
    case enqueueBytes = "enqueue-bytes"
    /// A worker that runs jobs that do nothing.
    case drain
    /// A producer and a worker at the same time.
    case together
    /// From the call of `enqueue` to the start of the handler, at 500 jobs a second, on a worker with nothing else to do.
    case idleLatency = "idle-latency"
    /// From the moment at which a job is due to the start of its handler, for jobs that are due evenly over some seconds.
    case scheduleLag = "schedule-lag"
    /// A worker that runs jobs each of which fails once.
    case retries
    /// Workers without work, for some seconds.
    case idle

    /// Whether it measures what only Redis has: streams and scripts.
    package var isOfRedis: Bool {
        switch self {
        case .floorEnqueue, .floorDrain, .floorEnqueueJob, .floorDrainJob, .roundTrip, .enqueueRoundTrip: true
        default: false
        }
    }

    /// What it measures, in so few words that a table of it fits 80 columns.
    package var summary: String {
        switch self {
        case .floorEnqueue: "floor: XADD"
        case .floorDrain: "floor: XREADGROUP, XDEL"
        case .floorEnqueueJob: "job's fields: XADD"
        case .floorDrainJob: "job's fields: XREADGROUP"
        case .roundTrip: "floor: empty EVALSHA"
        case .enqueueRoundTrip: "enqueue's bare EVALSHA"
        case .enqueueOne: "enqueue one by one"
        case .enqueueTasks: "enqueue from 64 tasks"
        case .enqueueBulk: "enqueue in bulk"
        case .enqueueBytes: "enqueue in bulk, bytes"
        case .drain: "drain"
        case .together: "producer and worker"
        case .idleLatency: "enqueue to handler, 500 jobs/s"
        case .scheduleLag: "due to handler"
        case .retries: "drain, each fails once"
        case .idle: "nothing to do"
        }
    }
}

/// How much is measured, and of what.
package struct BenchmarkOptions: Sendable {
    /// How many jobs; 10,000 unless set.
    package var jobs = 10_000
    /// The payload's length in bytes, roughly; 200 unless set.
    package var payloadBytes = 200
    /// How many jobs a worker runs at once; 100 unless set.
    package var concurrency = 100
    /// How many workers share the jobs, each with connections and threads of its own, as if it were a process; 1 unless set.
    package var workers = 1
    /// Over how many queues the jobs are spread; 1 unless set.
    package var queues = 1
    /// How many jobs wait below those that are measured; none unless set.
    package var depth = 0
    /// What completed jobs leave behind; the type's default unless set.
    package var keepsCompleted = true
    /// What the queues' names begin with.
    package var prefix = "spanq-bench"
    /// Which part runs, where the parts are to be measured apart or in several processes.
    package var part = Part.all

    /// The parts of a drain: putting the jobs there, and running them.
    package enum Part: String, Sendable, CaseIterable {
        /// Both, and what is left is removed.
        case all
        /// The jobs are put there and left.
        case fill
        /// The jobs are there; what is left stays.
        case run
    }

    /// The values above.
    package init() {}
}

/// A typed job that does nothing. Its JSON is about as long as was asked for.
struct BenchmarkJob: Job {
    static let jobType = "noop"
    /// When it was enqueued or is due, in nanoseconds of the clock that its benchmark reads.
    var moment: Int64 = 0
    var filling: String

    /// - Parameter bytes: the length of its JSON, names and quotes included; no less than they take.
    init(bytes: Int, moment: Int64 = 0) {
        self.moment = moment
        filling = String(repeating: "x", count: max(0, bytes - #"{"moment":0,"filling":""}"#.utf8.count))
    }
}
