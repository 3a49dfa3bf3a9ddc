// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

internal import Synchronization

/// Makes spans: decides whether they are recorded, gives them ids, and hands the finished ones to a processor.
public final class SpanQueueTracer: Sendable {
    /// Which traces are recorded.
    package let sampler: Sampler
    /// How much a span may carry.
    package let limits: SpanLimits
    private let processor: (any SpanProcessor)?
    /// The processor, where it writes spans of known shapes itself and the limits have nothing to say about them.
    private let writing: (any WritingSpanProcessor)?
    private let sampledSpans = Atomic<Int>(0)
    private let recordedSpans = Atomic<Int>(0)
    private let droppedSpans = Atomic<Int>(0)

    /// Makes a tracer.
    ///
    /// - Parameter processor: takes the finished spans; nil exports none, and records none. The ids and the sampling decision
    ///   are the same either way, so that other processes of the trace can go by them.
    package init(
        sampler: Sampler = .parentBasedAlwaysOn, limits: SpanLimits = SpanLimits(),
        processor: (any SpanProcessor)? = nil
    ) {
        self.sampler = sampler
        self.limits = limits
        self.processor = processor
        self.writing = limits.leaveShapedSpans ? processor as? any WritingSpanProcessor : nil
    }

    /// Whether finished spans go anywhere.
    package var isExporting: Bool { processor != nil }

    /// Starts a span. Name, attributes, links and time are asked for only where it is recorded.
    ///
    /// - Parameters:
    ///   - name: low in cardinality.
    ///   - kind: its role.
    ///   - parent: the span that it is part of; nil starts a trace.
    ///   - isParentRemote: whether the parent is in another process.
    ///   - traceID: of a trace that is started here; a random one unless given.
    ///   - spanID: a random one unless given.
    ///   - startNanoseconds: since the Unix epoch; now unless given, by whichever clock the caller goes by.
    ///   - recordsUnsampled: has it recorded even if its trace is not sampled, for ``SpanQueueSpan/keep(because:)``.
    ///   - attributes: those that are known from the start.
    ///   - links: at most as many as the limits allow are kept.
    @inline(__always)
    package func startSpan(
        _ name: @autoclosure () -> String, kind: SpanData.Kind = .internal, parent: TraceContext? = nil,
        isParentRemote: Bool = false, traceID: TraceID? = nil, spanID: SpanID? = nil,
        startNanoseconds: @autoclosure () -> UInt64? = nil,
        recordsUnsampled: Bool = false, attributes: @autoclosure () -> Attributes = Attributes(),
        links: @autoclosure () -> [SpanData.Link] = []
    ) -> SpanQueueSpan {
        let context = makeContext(parent: parent, traceID: traceID, spanID: spanID)
        guard starts(context, recordsUnsampled: recordsUnsampled) else {
            return SpanQueueSpan(context: context, tracer: self, recorder: nil)
        }
        let given = startNanoseconds()
        let start = given ?? SystemClock.now()
        var data = SpanData(
            name: name(), kind: kind, context: context, parent: parent?.spanID, isParentRemote: isParentRemote,
            startNanoseconds: start, endNanoseconds: start, attributes: attributes(), links: links())
        data.apply(limits)
        let monotonic = given == nil ? SystemClock.monotonic() : nil
        return SpanQueueSpan(context: context, tracer: self, recorder: SpanRecorder(data, startedMonotonic: monotonic))
    }

    /// The ids and the sampling decision of a span, for code that builds a ``SpanData`` itself when the span is over.
    package func makeContext(parent: TraceContext? = nil, traceID: TraceID? = nil, spanID: SpanID? = nil)
        -> TraceContext
    {
        let spanID = spanID ?? .random()
        if var context = parent {
            context.spanID = spanID
            let isSampled = sampler.samples(context.traceID, parent: parent)
            context.flags = context.flags & 0b10 | (isSampled ? 1 : 0)
            return context
        }
        let isRandom = traceID == nil
        let traceID = traceID ?? .random()
        let isSampled = sampler.samples(traceID, parent: nil)
        return TraceContext(traceID: traceID, spanID: spanID, flags: (isRandom ? 0b10 : 0) | (isSampled ? 1 : 0))
    }

    /// Exports a span that was built by hand, if it is sampled or there is another reason to keep it.
    ///
    /// - Parameters:
    ///   - span: finished; it is brought within the limits.
    ///   - reason: why it is exported even if its trace was not sampled; it is then marked with `spanq.sampled.by`.
    package func submit(_ span: SpanData, keptBecause reason: KeepReason? = nil) {
        guard starts(span.context, recordsUnsampled: reason != nil) else { return }
        var span = span
        span.apply(limits)
        hand(on: span, keptBecause: reason)
    }

    /// What many spans share, for ``submit(_:keptBecause:_:)``. To be kept: it costs more than a span.
    package func shape(_ name: String, kind: SpanData.Kind, attributes: Attributes) -> SpanShape {
        SpanShape(
            name: name, kind: kind, attributes: attributes, written: writing?.written(name, kind, attributes))
    }

    /// Exports a span of a known shape, if it is sampled or there is another reason to keep it. Nothing is allocated for it where the
    /// processor writes it at once.
    ///
    /// - Parameters:
    ///   - span: finished.
    ///   - reason: why it is exported even if its trace was not sampled; it is then marked with `spanq.sampled.by`.
    ///   - parts: gives its own attributes and then its links, a handful of each; called at once, at most once. It must not wait, nor
    ///     end another span.
    package func submit(
        _ span: ShapedSpan, keptBecause reason: KeepReason? = nil, _ parts: (any SpanPartWriter) -> Void
    ) {
        guard starts(span.context, recordsUnsampled: reason != nil) else { return }
        guard let writing else {
            var data = SpanData(span, parts)
            data.apply(limits)
            return hand(on: data, keptBecause: reason)
        }
        writing.submit(span, markedAs: span.context.isSampled ? nil : reason, parts)
    }

    /// Counts spans that were not even built because their trace is not sampled.
    package func countUnsampled(_ count: Int = 1) {
        droppedSpans.add(count, ordering: .relaxed)
    }

    /// How many spans were started, by what became of them.
    package var startedSpans: StartedSpans {
        StartedSpans(
            sampled: sampledSpans.load(ordering: .relaxed), recorded: recordedSpans.load(ordering: .relaxed),
            dropped: droppedSpans.load(ordering: .relaxed))
    }

    /// Counts a span, and says whether it is recorded.
    @inline(__always)
    private func starts(_ context: TraceContext, recordsUnsampled: Bool) -> Bool {
        if context.isSampled {
            sampledSpans.add(1, ordering: .relaxed)
        } else if recordsUnsampled {
            recordedSpans.add(1, ordering: .relaxed)
        } else {
            droppedSpans.add(1, ordering: .relaxed)
            return false
        }
        return processor != nil
    }

    func hand(on span: SpanData, keptBecause reason: KeepReason?) {
        if span.context.isSampled {
            processor?.submit(span)
        } else if let reason {
            var span = span
            span.attributes[KeepReason.attributeKey] = .string(reason.rawValue)
            processor?.submit(span)
        }
    }
}

/// Decides at the head of a trace whether it is recorded: the six standard samplers of OpenTelemetry.
public struct Sampler: Sendable, Hashable {
    private enum Kind: Sendable, Hashable {
        case alwaysOn, alwaysOff, parentBasedAlwaysOn, parentBasedAlwaysOff
        case traceIDRatio(Double)
        case parentBasedTraceIDRatio(Double)
    }

    private let kind: Kind

    /// Every span (`always_on`).
    public static let alwaysOn = Sampler(kind: .alwaysOn)
    /// None (`always_off`).
    public static let alwaysOff = Sampler(kind: .alwaysOff)
    /// As the parent; roots always (`parentbased_always_on`).
    public static let parentBasedAlwaysOn = Sampler(kind: .parentBasedAlwaysOn)
    /// As the parent; roots never (`parentbased_always_off`).
    public static let parentBasedAlwaysOff = Sampler(kind: .parentBasedAlwaysOff)

    /// That share of traces, 0 to 1, by trace id alone, so that all processes agree (`traceidratio`).
    public static func traceIDRatio(_ ratio: Double) -> Sampler { Sampler(kind: .traceIDRatio(ratio)) }

    /// As the parent; roots by share, 0 to 1 (`parentbased_traceidratio`).
    public static func parentBasedTraceIDRatio(_ ratio: Double) -> Sampler {
        Sampler(kind: .parentBasedTraceIDRatio(ratio))
    }

    /// Whether a span is recorded and exported.
    ///
    /// - Parameters:
    ///   - traceID: the trace that the span is in.
    ///   - parent: the span's parent; nil for a root. A remote and a local parent count the same.
    package func samples(_ traceID: TraceID, parent: TraceContext?) -> Bool {
        switch kind {
        case .alwaysOn: true
        case .alwaysOff: false
        case .traceIDRatio(let ratio): Self.isWithin(ratio, traceID)
        case .parentBasedAlwaysOn: parent?.isSampled ?? true
        case .parentBasedAlwaysOff: parent?.isSampled ?? false
        case .parentBasedTraceIDRatio(let ratio): parent?.isSampled ?? Self.isWithin(ratio, traceID)
        }
    }

    /// The last 8 bytes of the id, without the lowest bit, as a share of 2⁶³: what the SDKs for Go and Java compute too.
    private static func isWithin(_ ratio: Double, _ traceID: TraceID) -> Bool {
        guard ratio > 0 else { return false }
        guard ratio < 1 else { return true }
        return traceID.low >> 1 < UInt64(ratio * 0x1p63)
    }
}

extension Sampler: CustomStringConvertible {
    /// As `OTEL_TRACES_SAMPLER` names it, with its argument.
    public var description: String {
        switch kind {
        case .alwaysOn: "always_on"
        case .alwaysOff: "always_off"
        case .traceIDRatio(let ratio): "traceidratio(\(ratio))"
        case .parentBasedAlwaysOn: "parentbased_always_on"
        case .parentBasedAlwaysOff: "parentbased_always_off"
        case .parentBasedTraceIDRatio(let ratio): "parentbased_traceidratio(\(ratio))"
        }
    }
}

/// Why a span is exported although its trace was not sampled: the value of the attribute `spanq.sampled.by`.
package enum KeepReason: String, Sendable, Hashable, CaseIterable {
    /// It failed.
    case error
    /// It took longer than a configured bound.
    case slow
    /// Its worker lost the job.
    case reclaim

    /// The attribute that marks such a span.
    package static let attribute: StaticString = "spanq.sampled.by"
    /// The same as text.
    package static let attributeKey = attribute.description
}

/// Takes finished spans from a tracer: `BatchProcessor` of `SpanQueueOTLP`, or one of an application's own.
package protocol SpanProcessor: Sendable {
    /// Takes a span. Called where the span ends, which is in a handler: it must not wait.
    func submit(_ span: SpanData)
}

/// How many spans a tracer has started: `otel.sdk.span.started` by `otel.span.sampling_result`.
package struct StartedSpans: Sendable, Hashable {
    /// Sampled (`RECORD_AND_SAMPLE`).
    package var sampled: Int
    /// Not sampled, but recorded in case there is a reason to keep them (`RECORD_ONLY`).
    package var recorded: Int
    /// Not recorded (`DROP`).
    package var dropped: Int

    /// Makes counts.
    package init(sampled: Int = 0, recorded: Int = 0, dropped: Int = 0) {
        self.sampled = sampled
        self.recorded = recorded
        self.dropped = dropped
    }
}
