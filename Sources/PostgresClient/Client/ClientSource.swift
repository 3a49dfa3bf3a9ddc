// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueueLoop

/// The client's connection as its loop sees it. A class of its own so that the loop can ask for descriptor and interest without entering
/// the actor. Keeps the client alive as long as it is registered, which ends with the connection.
final class ClientSource: LoopSource {
    let pipeline: Pipeline
    let descriptor: Int32
    private let client: PostgresClient

    init(pipeline: Pipeline, client: PostgresClient) {
        self.pipeline = pipeline
        self.client = client
        descriptor = pipeline.descriptor
    }

    var interest: LoopInterest { pipeline.hasUnsent ? [.read, .write] : .read }

    func ready(readable: Bool, writable: Bool) {
        client.assumeIsolated { $0.ready(readable: readable, writable: writable) }
    }

    func beforePoll() {
        client.assumeIsolated { $0.flush() }
    }
}
