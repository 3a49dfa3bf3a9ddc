package import SpanQueueTelemetry

extension JobTrace {
    /// One thing that happened, or goes on.
    package struct Step: Sendable {
        /// What kind of thing.
        package enum Stage: Sendable, Hashable {
            /// The engine took the job.
            case enqueue
            /// The job was put off, at enqueue or for a retry.
            case delay
            /// It could have been claimed.
            case wait
            /// A worker had it.
            case attempt
            /// An attempt ended, and the job left it at once.
            case settlement
            /// A person acted on it.
            case action
            /// Events that the record does not hold any more.
            case omission
        }

        package let stage: Stage
        /// `enqueue`, `delay`, `wait`, `attempt`, or the name of the settlement or action.
        package let name: String
        /// Which attempt it belongs to.
        package var number: Int?
        package let start: Timestamp
        /// The present moment for what goes on.
        package let end: Timestamp
        package var isOpen = false
        package var worker: String?
        /// In a word or two.
        package var outcome: String?
        /// An error, or the reason for a settlement or action.
        package var detail: String?
        /// For a delay, when it ends, or would have ended.
        package var dueAt: Timestamp?
        /// Nil for what is no span of its own.
        package var span: SpanData?

        package var duration: Duration { max(.zero, end - start) }
    }
}
