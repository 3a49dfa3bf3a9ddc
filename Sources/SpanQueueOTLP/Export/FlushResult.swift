/// How a flush or a shutdown went.
public enum FlushResult: Sendable, Hashable, CaseIterable {
    /// All that was there has been exported.
    case ok
    /// Some of it was not taken.
    case failed
    /// It was not done in time.
    case timedOut

    /// The worse of two.
    func merged(with other: FlushResult) -> FlushResult {
        if self == .timedOut || other == .timedOut { return .timedOut }
        return self == .failed || other == .failed ? .failed : .ok
    }
}
