/// The waits between tries of a call to the engine: exponential with full jitter, never shorter than `least`.
struct Pauses {
    static let least = Duration.milliseconds(20)

    let base: Duration
    let cap: Duration

    /// - Parameters:
    ///   - failures: how many calls have failed in a row, from 1.
    ///   - random: from 0 to 1.
    func pause(after failures: Int, random: Double) -> Duration {
        let bound = min(cap, base * Int(1 << min(max(failures - 1, 0), 20)))
        return max(Self.least, bound * random)
    }
}
