import SpanQueue

/// Handlers for `spanq dev`, so that there is something to see: one that works, one that is slow and tells how far it is, one
/// that fails now and then, and one that never works.
enum DemoHandlers {
    static func register(with worker: Worker) throws(SpanQueueError) {
        try worker.handle("demo:hello") { job, context in
            try await Task.sleep(for: .milliseconds(Int.random(in: 2...40)))
            try context.result(Array(#"{"greeting":"hello"}"#.utf8))
        }
        try worker.handle("demo:slow") { job, context in
            for step in 1...10 {
                try await Task.sleep(for: .milliseconds(300))
                try await context.progress(Double(step) / 10, "step \(step) of 10")
            }
        }
        try worker.handle("demo:flaky", retryPolicy: Backoff.exponential(base: .seconds(1), cap: .seconds(10))) {
            job, context in
            try await Task.sleep(for: .milliseconds(50))
            guard Int.random(in: 0..<3) > 0 else { throw DemoError("the coin fell on the wrong side") }
        }
        try worker.handle("demo:poison") { job, context in
            throw JobError.permanent("this one never works: see spanq dead list")
        }
    }
}

/// What goes wrong in the demo.
struct DemoError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}
