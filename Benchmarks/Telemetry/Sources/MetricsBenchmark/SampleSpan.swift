// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueueTelemetry

/// The span of an attempt as a worker makes it.
enum SampleSpan {
    static let queue = "emails"
    static let job = "0193e2b0-5d5c-7e3a-8f4e-1c2d3e4f5a6b"
    static let attributes = builtAttributes()

    static let sharedAttributes: Attributes = [
        "messaging.system": "spanqueue", "messaging.destination.name": .string(queue),
        "messaging.operation.name": "process", "messaging.operation.type": "process",
        "messaging.client.id": "host-1-4242",
    ]

    static func builtAttributes() -> Attributes {
        [
            "messaging.system": "spanqueue", "messaging.destination.name": .string(queue),
            "messaging.operation.name": "process", "messaging.operation.type": "process",
            "messaging.message.id": .string(job), "messaging.client.id": "host-1-4242",
            "spanq.job.type": "email:welcome", "spanq.job.attempt": 1,
        ]
    }

    static func make() -> SpanData {
        let creation = TraceContext.root()
        return SpanData(
            name: "process emails", kind: .consumer, context: creation.child(), parent: creation.spanID,
            isParentRemote: true, startNanoseconds: 1_763_692_800_123_456_789,
            endNanoseconds: 1_763_692_800_223_456_789, attributes: attributes,
            links: [SpanData.Link(creation, isRemote: true)])
    }
}
