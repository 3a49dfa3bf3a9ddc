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
