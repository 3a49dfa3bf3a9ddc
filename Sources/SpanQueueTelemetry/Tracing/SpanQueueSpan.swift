// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import NIOConcurrencyHelpers

/// A span that has been started by a ``SpanQueueTracer``.
///
/// One that is not recorded is only its ids: every call on it returns at once. A copy is the same span. What is called after
/// ``end(atNanoseconds:)`` changes nothing.
package struct SpanQueueSpan: Sendable {
    /// Where the span stands: what its children get as their parent and what is sent to other processes.
    package let context: TraceContext
    private let tracer: SpanQueueTracer
    private let recorder: SpanRecorder?

    init(context: TraceContext, tracer: SpanQueueTracer, recorder: SpanRecorder?) {
        self.context = context
        self.tracer = tracer
        self.recorder = recorder
    }

    /// Whether anything is recorded. Look here before building something costly.
    @inline(__always)
    package var isRecording: Bool { recorder != nil }

    /// The name; empty for a span that is not recorded.
    package var name: String {
        get { recorder?.read { $0.data.name } ?? "" }
        nonmutating set { recorder?.change { $0.data.name = newValue } }
    }

    /// The attributes as they are now; empty for a span that is not recorded.
    package var attributes: Attributes {
        recorder?.read { $0.data.attributes } ?? Attributes()
    }

    /// Sets an attribute; of several values for a key the last one counts.
    @inline(__always)
    package func set(_ key: String, to value: @autoclosure () -> AttributeValue) {
        guard let recorder else { return }
        let value = value()
        recorder.change { $0.data.set(key, to: value, within: tracer.limits) }
    }

    /// Sets several attributes at the price of one.
    @inline(__always)
    package func set(_ attributes: @autoclosure () -> Attributes) {
        guard let recorder else { return }
        let attributes = attributes()
        recorder.change { state in
            for attribute in attributes.list {
                state.data.set(attribute.key, to: attribute.value, within: tracer.limits)
            }
        }
    }

    /// Replaces all attributes.
    func replaceAttributes(by attributes: Attributes) {
        recorder?.change { state in
            state.data.attributes = attributes
            state.data.droppedAttributes += state.data.attributes.apply(tracer.limits.attributes)
        }
    }

    /// Adds an event.
    @inline(__always)
    package func add(_ event: @autoclosure () -> SpanData.Event) {
        guard let recorder else { return }
        let event = event()
        recorder.change { $0.data.add(event, within: tracer.limits) }
    }

    /// Adds a link.
    @inline(__always)
    package func add(_ link: @autoclosure () -> SpanData.Link) {
        guard let recorder else { return }
        let link = link()
        recorder.change { $0.data.add(link, within: tracer.limits) }
    }

    /// Says how it ended. `ok` is final; `unset` changes nothing (OpenTelemetry, "Set Status").
    package func set(_ status: SpanData.Status) {
        recorder?.change { state in
            guard state.data.status != .ok, status != .unset else { return }
            state.data.status = status
        }
    }

    /// Has it exported although its trace was not sampled; for one that was, this changes nothing. It has an effect on a span
    /// that was started with `recordsUnsampled`. The first reason counts.
    package func keep(because reason: KeepReason) {
        recorder?.change { state in
            if state.keptBecause == nil { state.keptBecause = reason }
        }
    }

    /// Ends it, and hands it on to be exported. Only the first call counts.
    ///
    /// - Parameter atNanoseconds: since the Unix epoch; nil for now. An end before the start becomes the start.
    @inline(__always)
    package func end(atNanoseconds: UInt64? = nil) {
        guard let recorder else { return }
        guard let finished = recorder.end(atNanoseconds: atNanoseconds) else { return }
        tracer.hand(on: finished.data, keptBecause: finished.keptBecause)
    }
}

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
