// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import GRPCCore
package import SpanQueueProto
import SwiftProtobuf

/// Answers what somebody asks of a descriptor set: which services there are, and which file declares a name.
package struct ReflectionIndex: Sendable {
    private let services: [String]
    private var files: [String: Google_Protobuf_FileDescriptorProto] = [:]
    /// The file of each name.
    private var symbols: [String: String] = [:]

    /// - Parameters:
    ///   - set: a serialized `google.protobuf.FileDescriptorSet`.
    ///   - services: the full names of those that are served.
    /// - Throws: where it is none.
    package init(_ set: [UInt8], services: [String]) throws {
        self.services = services.sorted()
        for file in try Google_Protobuf_FileDescriptorSet(serializedBytes: set).file {
            files[file.name] = file
            let prefix = file.package.isEmpty ? "" : file.package + "."
            for service in file.service {
                symbols[prefix + service.name] = file.name
                for method in service.method { symbols["\(prefix)\(service.name).\(method.name)"] = file.name }
            }
            for message in file.messageType { add(message, prefix, file.name) }
            for one in file.enumType { add(one, prefix, file.name) }
        }
    }

    private mutating func add(_ message: Google_Protobuf_DescriptorProto, _ prefix: String, _ file: String) {
        let name = prefix + message.name
        symbols[name] = file
        for field in message.field { symbols["\(name).\(field.name)"] = file }
        for inner in message.nestedType { add(inner, name + ".", file) }
        for inner in message.enumType { add(inner, name + ".", file) }
    }

    private mutating func add(_ one: Google_Protobuf_EnumDescriptorProto, _ prefix: String, _ file: String) {
        symbols[prefix + one.name] = file
        // A case stands beside its enum, as protobuf has it.
        for value in one.value { symbols[prefix + value.name] = file }
    }

    package func answer(
        _ request: Grpc_Reflection_V1_ServerReflectionRequest
    ) -> Grpc_Reflection_V1_ServerReflectionResponse {
        var answer = Grpc_Reflection_V1_ServerReflectionResponse()
        answer.validHost = request.host
        answer.originalRequest = request
        switch request.messageRequest {
        case .listServices:
            answer.listServicesResponse.service = services.map { name in
                var service = Grpc_Reflection_V1_ServiceResponse()
                service.name = name
                return service
            }
        case .fileByFilename(let name): tell(of: name, in: &answer)
        case .fileContainingSymbol(let symbol):
            // A method of the older reflection is not in the set: its messages are those of the newer one.
            tell(of: symbols[symbol] ?? "", in: &answer)
        case .allExtensionNumbersOfType(let type) where symbols[type] != nil:
            answer.allExtensionNumbersResponse.baseTypeName = type
        case .fileContainingExtension, .allExtensionNumbersOfType:
            refuse(.notFound, "there are no extensions here", in: &answer)
        case nil: refuse(.invalidArgument, "nothing that is known was asked", in: &answer)
        }
        return answer
    }

    /// A file, and all that it needs.
    private func tell(of name: String, in answer: inout Grpc_Reflection_V1_ServerReflectionResponse) {
        var wanted = [name]
        var told: Set<String> = []
        var bytes: [[UInt8]] = []
        while let next = wanted.popLast() {
            guard told.insert(next).inserted, let file = files[next], let data: [UInt8] = try? file.serializedBytes()
            else { continue }
            bytes.append(data)
            wanted += file.dependency
        }
        guard !bytes.isEmpty else { return refuse(.notFound, "there is no such file or name here", in: &answer) }
        answer.fileDescriptorResponse.fileDescriptorProto = bytes.map { .init($0) }
    }

    private func refuse(
        _ code: RPCError.Code, _ message: String, in answer: inout Grpc_Reflection_V1_ServerReflectionResponse
    ) {
        answer.errorResponse.errorCode = Int32(code.rawValue)
        answer.errorResponse.errorMessage = message
    }
}
