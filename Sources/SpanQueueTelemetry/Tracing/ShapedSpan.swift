// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

/// What all spans of one kind of event share, such as those of the attempts in one queue.
///
/// ``SpanQueueTracer/shape(_:kind:attributes:)`` makes it once, and the processor behind that tracer writes it once, in the form in
/// which it sends spans. A shape is for the tracer that made it.
package final class SpanShape: Sendable {
    /// What was done, with few different values: `process emails`.
    package let name: String
    /// The role of its spans towards their parents and children.
    package let kind: SpanData.Kind
    /// Stand before those of a span's own.
    package let attributes: Attributes
    /// As the processor writes it; nil for one that takes spans as values.
    package let written: Written?

    init(name: String, kind: SpanData.Kind, attributes: Attributes, written: Written?) {
        self.name = name
        self.kind = kind
        self.attributes = attributes
        self.written = written
    }

    /// The bytes of a shape, in the two pieces between which a span's times may stand.
    package struct Written: Sendable, Hashable {
        /// The name and the kind.
        package let head: [UInt8]
        /// The attributes; empty where there are none.
        package let attributes: [UInt8]

        /// Takes bytes.
        package init(head: [UInt8], attributes: [UInt8]) {
            self.head = head
            self.attributes = attributes
        }
    }
}

/// A span that is over, of a known shape. Its own attributes and its links are not in it: they are written straight to where the
/// span is sent from, see ``SpanQueueTracer/submit(_:keptBecause:_:)``.
package struct ShapedSpan: Sendable {
    /// What it shares with others.
    package let shape: SpanShape
    /// The trace, the span itself, the W3C flags and the trace state.
    package let context: TraceContext
    /// The parent; nil for a root.
    package let parent: SpanID?
    /// Whether the parent was in another process.
    package let isParentRemote: Bool
    /// When it began, in nanoseconds since the Unix epoch.
    package let startNanoseconds: UInt64
    /// When it ended, in nanoseconds since the Unix epoch.
    package let endNanoseconds: UInt64
    /// Whether it failed.
    package let status: SpanData.Status

    /// Makes a span of its parts.
    package init(
        _ shape: SpanShape, context: TraceContext, parent: SpanID? = nil, isParentRemote: Bool = false,
        startNanoseconds: UInt64, endNanoseconds: UInt64, status: SpanData.Status = .unset
    ) {
        self.shape = shape
        self.context = context
        self.parent = parent
        self.isParentRemote = isParentRemote
        self.startNanoseconds = startNanoseconds
        self.endNanoseconds = endNanoseconds
        self.status = status
    }
}

/// Takes the parts of a span one after the other: first the attributes, then the links. The keys of a span are different from each
/// other and from those of its shape.
package protocol SpanPartWriter: AnyObject {
    /// An attribute that is text.
    func attribute(_ key: StaticString, _ value: String)
    /// An attribute that is a whole number.
    func attribute(_ key: StaticString, _ value: Int64)
    /// An attribute that is a floating-point number.
    func attribute(_ key: StaticString, _ value: Double)
    /// An attribute that is true or false.
    func attribute(_ key: StaticString, _ value: Bool)
    /// A span that this one has to do with beside its parent, without attributes.
    func link(_ context: TraceContext, isRemote: Bool)
}

/// A processor that keeps spans in the form in which it sends them: it writes each where it ends, and holds nothing else of it.
package protocol WritingSpanProcessor: SpanProcessor {
    /// How it writes what the spans of a shape share.
    func written(_ name: String, _ kind: SpanData.Kind, _ attributes: Attributes) -> SpanShape.Written

    /// Takes a span whose shape has been written by this processor.
    ///
    /// - Parameters:
    ///   - reason: why it is exported although its trace was not sampled, for its last attribute; nil where it was.
    ///   - parts: gives the attributes and links. Called at once, at most once, and under a lock: it must not wait, nor end
    ///     another span.
    func submit(_ span: ShapedSpan, markedAs reason: KeepReason?, _ parts: (any SpanPartWriter) -> Void)
}

/// Parts as values.
final class CollectedParts: SpanPartWriter {
    private(set) var attributes: Attributes
    private(set) var links: [SpanData.Link] = []

    init(after attributes: Attributes) {
        self.attributes = attributes
    }

    func attribute(_ key: StaticString, _ value: String) { attributes.add(unique: key.description, .string(value)) }
    func attribute(_ key: StaticString, _ value: Int64) { attributes.add(unique: key.description, .int(value)) }
    func attribute(_ key: StaticString, _ value: Double) { attributes.add(unique: key.description, .double(value)) }
    func attribute(_ key: StaticString, _ value: Bool) { attributes.add(unique: key.description, .bool(value)) }

    func link(_ context: TraceContext, isRemote: Bool) {
        links.append(SpanData.Link(context, isRemote: isRemote))
    }
}

extension Attributes {
    /// Adds those that a function writes. It writes no links.
    package mutating func add(_ parts: (any SpanPartWriter) -> Void) {
        let collected = CollectedParts(after: self)
        parts(collected)
        self = collected.attributes
    }
}

extension SpanData.Link {
    /// Those that a function writes. It writes no attributes.
    package static func written(_ parts: (any SpanPartWriter) -> Void) -> [SpanData.Link] {
        let collected = CollectedParts(after: Attributes())
        parts(collected)
        return collected.links
    }
}

extension SpanData {
    /// The same span as a value.
    package init(_ span: ShapedSpan, _ parts: (any SpanPartWriter) -> Void) {
        let collected = CollectedParts(after: span.shape.attributes)
        parts(collected)
        self.init(
            name: span.shape.name, kind: span.shape.kind, context: span.context, parent: span.parent,
            isParentRemote: span.isParentRemote, startNanoseconds: span.startNanoseconds,
            endNanoseconds: span.endNanoseconds, attributes: collected.attributes, links: collected.links,
            status: span.status)
    }
}

extension SpanLimits {
    /// Whether they leave a span of a known shape, which has a handful of attributes and links, as it is.
    var leaveShapedSpans: Bool {
        attributes.valueLength == nil && attributes.count >= 32 && links >= 8
    }
}
