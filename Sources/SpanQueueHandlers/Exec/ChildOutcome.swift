/// What became of a program.
struct ChildOutcome: Sendable {
    enum End: Sendable, Equatable {
        /// It ended with this exit code.
        case exit(Int32)
        /// This signal ended it.
        case signal(Int32)
        /// We ended it, because the attempt is over. Its exit code says nothing then: many programs answer SIGTERM with 0.
        case cancelled
        /// It ended, and someone else in this process has taken its exit code.
        case unknown
        /// It was not started, with this `errno`.
        case notStarted(Int32)
    }

    var end: End
    var output: StreamStart
    var error: StreamEnd
}
