import SpanQueueTelemetry

extension JobSpans {
    /// One job: its own span is the creation that it carries.
    func enqueued(
        _ job: NewJob, parent: TraceContext?, from start: UInt64, _ outcome: Result<EnqueueOutcome, any Error>
    ) {
        let message = job.message
        guard message.trace.isSampled else { return tracer.countUnsampled() }
        var attributes = attributes("enqueue", "send", queue: message.queue, message: message)
        describe(outcome, &attributes)
        tracer.submit(
            SpanData(
                name: "enqueue \(message.queue)", kind: .producer, context: message.trace, parent: parent?.spanID,
                startNanoseconds: start, endNanoseconds: SystemClock.now(), attributes: attributes,
                status: status(of: outcome)
            ))
    }

    /// Many: a send for each queue that links one creation for each job.
    ///
    /// - Parameter groups: the places of the jobs by queue.
    func enqueued(
        _ jobs: [NewJob], _ groups: [(queue: String, places: [Int])], parent: TraceContext?, from start: UInt64,
        _ outcomes: Result<[EnqueueOutcome], any Error>
    ) {
        let end = SystemClock.now()
        for (queue, places) in groups {
            var unsampled = 0
            for place in places {
                guard jobs[place].message.trace.isSampled else {
                    unsampled += 1
                    continue
                }
                var attributes = attributes("create", "create", queue: queue, message: jobs[place].message)
                let outcome = outcomes.map { $0[place] }
                describe(outcome, &attributes)
                tracer.submit(
                    SpanData(
                        name: "create \(queue)", kind: .producer, context: jobs[place].message.trace,
                        parent: parent?.spanID, startNanoseconds: start, endNanoseconds: end, attributes: attributes,
                        status: status(of: outcome)))
            }
            tracer.countUnsampled(unsampled)
            tracer.submit(
                SpanData(
                    name: "enqueue \(queue)", kind: .client, context: tracer.makeContext(parent: parent),
                    parent: parent?.spanID, startNanoseconds: start, endNanoseconds: end,
                    attributes: attributes("enqueue", "send", queue: queue, count: places.count),
                    links: places.prefix(128).map { SpanData.Link(jobs[$0].message.trace) },
                    status: status(of: outcomes)))
        }
    }

    private func describe(_ outcome: Result<EnqueueOutcome, any Error>, _ attributes: inout Attributes) {
        switch outcome {
        case .success(.accepted(_, let runAt, _)):
            attributes["spanq.enqueue.result"] = "accepted"
            if let runAt { attributes["spanq.job.run_at"] = .string(runAt.description) }
        case .success(.duplicate): attributes["spanq.enqueue.result"] = "duplicate"
        case .success(let outcome): attributes["error.type"] = outcome.errorType.map { .string($0) }
        case .failure(let error): attributes["error.type"] = .string(ErrorType.name(of: error))
        }
    }

    private func status<Value>(of outcome: Result<Value, any Error>) -> SpanData.Status {
        switch outcome {
        case .failure(let error): .error(Excerpt.bounded("\(error)", bytes: 256))
        case .success(let value):
            switch value as? EnqueueOutcome {
            case .conflict: .error("the id is taken")
            case .refused(let error): .error(Excerpt.bounded(error.message, bytes: 256))
            default: .unset
            }
        }
    }
}
