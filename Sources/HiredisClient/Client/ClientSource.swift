import SpanQueueLoop

/// The client's connection as its loop sees it. A class of its own so that the loop can ask for descriptor and interest
/// without entering the actor.
///
/// Keeps the client alive as long as it is registered, which ends with the connection.
final class ClientSource: LoopSource {
    let transport: any Transport
    let descriptor: Int32
    var interest: LoopInterest = .write
    private let client: RedisClient

    init(transport: any Transport, client: RedisClient) {
        self.transport = transport
        self.client = client
        descriptor = transport.descriptor
    }

    func ready(readable: Bool, writable: Bool) {
        client.assumeIsolated { $0.ready(readable: readable, writable: writable) }
    }

    func beforePoll() {
        client.assumeIsolated { $0.flush() }
    }
}
