// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import GRPCCore
import GRPCProtobuf
import SwiftProtobuf

/// Reads messages of up to `StreamLimits.messageBytes`, and says what is wrong with others.
///
/// The transport takes twice as much, since it ends a stream without a word where a message is over its own limit.
struct BoundedDeserializer<Message: SwiftProtobuf.Message>: MessageDeserializer {
    func deserialize<Bytes: GRPCContiguousBytes>(_ bytes: Bytes) throws -> Message {
        let most = StreamLimits.messageBytes
        guard bytes.count <= most else {
            throw GatewayError(
                .invalidArgument, "too_large", "a message of \(bytes.count) bytes: send at most \(most) at a time")
        }
        do {
            return try ProtobufDeserializer<Message>().deserialize(bytes)
        } catch {
            throw GatewayError.rules("what was sent can't be read as \(Message.protoMessageName)")
        }
    }
}

extension RPCRouter {
    /// Registers a method whose messages are bounded.
    mutating func serve<Input: SwiftProtobuf.Message, Output: SwiftProtobuf.Message>(
        _ method: MethodDescriptor, _: Input.Type,
        _ handler:
            @escaping @Sendable (
                _ request: StreamingServerRequest<Input>, _ context: ServerContext
            ) async throws -> StreamingServerResponse<Output>
    ) {
        registerHandler(
            forMethod: method, deserializer: BoundedDeserializer<Input>(), serializer: ProtobufSerializer<Output>(),
            handler: handler)
    }
}
