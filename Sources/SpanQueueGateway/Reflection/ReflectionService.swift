// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

package import GRPCCore
import GRPCProtobuf
import SpanQueueProto

/// `grpc.reflection.v1.ServerReflection`, and `v1alpha`, which many tools still ask first: the same messages by another name.
package struct ReflectionService: RegistrableRPCService {
    static let names = ["grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection"]

    private let index: ReflectionIndex

    package init(_ index: ReflectionIndex) {
        self.index = index
    }

    package func registerMethods<Transport: ServerTransport>(with router: inout RPCRouter<Transport>) {
        for name in Self.names {
            router.registerHandler(
                forMethod: MethodDescriptor(
                    service: ServiceDescriptor(fullyQualifiedService: name), method: "ServerReflectionInfo",
                    type: .bidirectionalStreaming),
                deserializer: ProtobufDeserializer<Grpc_Reflection_V1_ServerReflectionRequest>(),
                serializer: ProtobufSerializer<Grpc_Reflection_V1_ServerReflectionResponse>(),
                handler: { [index] request, _ in
                    StreamingServerResponse { writer in
                        for try await message in request.messages { try await writer.write(index.answer(message)) }
                        return [:]
                    }
                })
        }
    }
}
