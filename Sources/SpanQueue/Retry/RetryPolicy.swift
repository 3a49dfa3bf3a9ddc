/// Decides how long a failed job waits for its next attempt.
///
/// How often it is tried is not the policy's affair: that is the job's `maxRetries`.
public protocol RetryPolicy: Sendable {
    /// The wait before the next attempt.
    ///
    /// - Parameters:
    ///   - attempt: the number of the attempt that failed, from 1.
    ///   - error: what it threw.
    /// - Returns: a duration; a negative one counts as zero, one over ten years as ten years.
    func delay(afterAttempt attempt: Int, error: any Error) -> Duration
}
