import NIOConcurrencyHelpers

/// What a live span has recorded so far, behind a lock: a handler's child tasks may all write to its span.
struct SpanRecorder: Sendable {
    struct State: Sendable {
        var data: SpanData
        /// When it was started by the monotonic clock; nil where the caller gave the start.
        let startedMonotonic: UInt64?
        var keptBecause: KeepReason?
        var hasEnded = false
    }

    private let state: NIOLockedValueBox<State>

    init(_ data: SpanData, startedMonotonic: UInt64?) {
        state = NIOLockedValueBox(State(data: data, startedMonotonic: startedMonotonic))
    }

    /// Changes the span; nothing happens after its end.
    @inline(__always)
    func change(_ body: (inout State) -> Void) {
        state.withLockedValue { state in
            if !state.hasEnded { body(&state) }
        }
    }

    func read<Result>(_ body: (State) -> Result) -> Result {
        state.withLockedValue { body($0) }
    }

    /// The finished span, at the first call only; nil at the others.
    func end(atNanoseconds: UInt64?) -> State? {
        state.withLockedValue { state in
            guard !state.hasEnded else { return nil }
            state.hasEnded = true
            let end: UInt64
            if let atNanoseconds {
                end = atNanoseconds
            } else if let started = state.startedMonotonic {
                end = state.data.startNanoseconds &+ (SystemClock.monotonic() &- started)
            } else {
                end = SystemClock.now()
            }
            state.data.endNanoseconds = max(end, state.data.startNanoseconds)
            // The lock gives up its copy, so that what comes after has the arrays to itself.
            let finished = state
            state.data.attributes = Attributes()
            state.data.events = []
            state.data.links = []
            return finished
        }
    }
}
