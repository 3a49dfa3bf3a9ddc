import Foundation
public import SpanQueue

/// The clock of the machine.
public struct SystemClock: EngineClock {
    /// Makes one; all are alike.
    public init() {}

    /// The machine's time of day.
    public var now: Timestamp { Timestamp(Date()) }

    /// Sleeps in real time.
    public func sleep(until moment: Timestamp) async throws {
        // The time of day may be set back during a sleep, and a sleep of centuries overflows what sleeps: hence the steps.
        while now < moment {
            try await Task.sleep(for: min(moment - now, .seconds(3600)))
        }
    }
}

extension EngineClock where Self == SystemClock {
    /// The clock of the machine.
    public static var system: SystemClock { SystemClock() }
}
