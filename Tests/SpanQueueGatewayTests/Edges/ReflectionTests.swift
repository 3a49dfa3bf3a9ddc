// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueueProto
import SwiftProtobuf
import Testing

@testable import SpanQueueGateway

@Suite("Reflection")
struct ReflectionTests {
    private func ask(
        _ request: Grpc_Reflection_V1_ServerReflectionRequest.OneOf_MessageRequest?
    ) throws -> Grpc_Reflection_V1_ServerReflectionResponse {
        let index = try ReflectionIndex(ProtoDescriptors.set, services: ["spanqueue.v1.Worker", "spanqueue.v1.Admin"])
        var message = Grpc_Reflection_V1_ServerReflectionRequest()
        message.host = "h"
        message.messageRequest = request
        let answer = index.answer(message)
        #expect(answer.originalRequest == message && answer.validHost == "h")
        return answer
    }

    @Test("services are listed, by name")
    func services() throws {
        let names = try ask(.listServices("")).listServicesResponse.service.map(\.name)
        #expect(names == ["spanqueue.v1.Admin", "spanqueue.v1.Worker"])
    }

    @Test(
        "a name gives its file and all that this one needs",
        arguments: [
            "spanqueue.v1.Worker", "spanqueue.v1.Worker.Work", "spanqueue.v1.Hello", "spanqueue.v1.Hello.lanes",
            "spanqueue.v1.Settlement.Outcome", "spanqueue.v1.Settlement.OUTCOME_LOST",
        ])
    func symbols(_ symbol: String) throws {
        let files = try ask(.fileContainingSymbol(symbol)).fileDescriptorResponse.fileDescriptorProto.map {
            try Google_Protobuf_FileDescriptorProto(serializedBytes: $0)
        }
        #expect(files.first?.name == "spanqueue/v1/worker.proto")
        let names = Set(files.map(\.name))
        #expect(names.count == files.count)
        #expect(files.allSatisfy { $0.dependency.allSatisfy(names.contains) })
        #expect(names.contains("google/protobuf/timestamp.proto"))
    }

    @Test("a file is found by its name; what is not there, or not known, is an answer too")
    func others() throws {
        #expect(
            try ask(.fileByFilename("grpc/health/v1/health.proto")).fileDescriptorResponse.fileDescriptorProto.count
                == 1)
        #expect(try ask(.fileByFilename("x.proto")).errorResponse.errorCode == 5)
        #expect(try ask(.fileContainingSymbol("spanqueue.v1.Nothing")).errorResponse.errorCode == 5)
        #expect(try ask(.fileContainingSymbol("")).errorResponse.errorCode == 5)
        #expect(
            try ask(.allExtensionNumbersOfType("spanqueue.v1.Hello")).allExtensionNumbersResponse.extensionNumber == [])
        #expect(try ask(.allExtensionNumbersOfType("x")).errorResponse.errorCode == 5)
        #expect(try ask(.fileContainingExtension(.init())).errorResponse.errorCode == 5)
        #expect(try ask(nil).errorResponse.errorCode == 3)
    }
}
