import SpanQueue

/// How many live workers serve each queue.
struct ServingWorkers {
    private var numbers: [String: Int] = [:]

    init(_ workers: [WorkerInfo]) {
        for worker in workers {
            for queue in Set(worker.queues) { numbers[queue, default: 0] += 1 }
        }
    }

    subscript(queue: String) -> Int { numbers[queue] ?? 0 }
}
