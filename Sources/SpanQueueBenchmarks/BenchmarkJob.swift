import SpanQueue

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
