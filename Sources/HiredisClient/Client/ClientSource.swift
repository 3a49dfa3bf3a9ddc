// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueueLoop

/// The client's connection as its loop sees it. A class of its own so that the loop can ask for descriptor and interest
/// without entering the actor.
///
/// Keeps the client alive as long as it is registered, which ends with the connection.
final class ClientSource: LoopSource {
    let transport: any Transport
    let descriptor: Int32
    /// What the connection waits for until it can be used; nil from then on.
    var connectInterest: LoopInterest? = .write
    /// What the next read waits for, and the next write where one is under way.
    var readInterest: LoopInterest = .read
    var writeInterest: LoopInterest = []
    /// A caller may use it. Then only an end of the connection is of interest: what is readable is that caller's.
    var isLent = false
    /// The loop waits for that caller, and does not watch the descriptor.
    var isAwaited = false
    private let client: RedisClient

    init(transport: any Transport, client: RedisClient) {
        self.transport = transport
        self.client = client
        descriptor = transport.descriptor
    }

    var interest: LoopInterest { isLent ? .hangUp : connectInterest ?? readInterest.union(writeInterest) }

    func ready(readable: Bool, writable: Bool) {
        client.assumeIsolated { $0.ready(readable: readable, writable: writable) }
    }

    func beforePoll() {
        client.assumeIsolated { $0.flush() }
    }
}
