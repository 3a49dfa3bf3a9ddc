// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueueTelemetry

extension FuzzTarget {
    /// `traceparent`, `tracestate` and `baggage`, a line each. What is carried on is sound, and is carried on again as it is.
    static let propagation = FuzzTarget(
        "propagation",
        seeds: [
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\nvendor=a,b@c=d\nuser=1;p;q=2, k = v",
            "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-ff-more\n,,a=1, ,b=2,\na=%20,b=",
        ]
    ) { input in
        let lines = input.split(separator: UInt8(ascii: "\n"), maxSplits: 2, omittingEmptySubsequences: false)
            .map { String(decoding: $0, as: UTF8.self) }
        let context = TraceContext(
            traceParent: lines[0], traceState: lines.count > 1 ? lines[1] : nil,
            baggage: lines.count > 2 ? lines[2] : nil)
        guard let context else { return }
        precondition(isHeader(context.traceParent) && context.traceParent.utf8.count == 55)
        precondition((context.traceState?.utf8.count ?? 0) <= TraceContext.maximumTraceStateBytes)
        precondition((context.baggage?.utf8.count ?? 0) <= TraceContext.maximumBaggageBytes)
        precondition([context.traceState, context.baggage].allSatisfy { $0.map(isHeader) ?? true })
        let again = TraceContext(
            traceParent: context.traceParent, traceState: context.traceState, baggage: context.baggage)
        precondition(again == context, "what was sent is not what is read")
    }

    private static func isHeader(_ text: String) -> Bool {
        text.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7F || $0 == 0x09 }
    }
}
