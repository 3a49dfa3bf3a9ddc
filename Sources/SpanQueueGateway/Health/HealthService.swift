// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

package import GRPCCore
import GRPCProtobuf
package import SpanQueueProto

/// `grpc.health.v1.Health`: of the gateway as a whole, and of each service by its name, which are all as the gateway is.
package struct HealthService: Grpc_Health_V1_Health.ServiceProtocol {
    static let name = Grpc_Health_V1_Health.descriptor.fullyQualifiedService

    private let health: GatewayHealth
    private let services: Set<String>

    /// - Parameter services: the full names of those that are served beside it.
    package init(_ health: GatewayHealth, services: [String]) {
        self.health = health
        self.services = Set(services + ["", Self.name])
    }

    package func check(
        request: ServerRequest<Grpc_Health_V1_HealthCheckRequest>, context: ServerContext
    ) async throws -> ServerResponse<Grpc_Health_V1_HealthCheckResponse> {
        guard services.contains(request.message.service) else {
            throw GatewayError(.notFound, "not_found", "there is no such service here").status
        }
        return ServerResponse(message: Self.answer(health.isServing ? .serving : .notServing))
    }

    package func watch(
        request: ServerRequest<Grpc_Health_V1_HealthCheckRequest>, context: ServerContext
    ) async throws -> StreamingServerResponse<Grpc_Health_V1_HealthCheckResponse> {
        let isKnown = services.contains(request.message.service)
        return StreamingServerResponse { [health] writer in
            await withTaskGroup(of: Void.self) { group in
                group.addTask {
                    do {
                        // It may become known in a later version: the caller waits for that.
                        if !isKnown { try await writer.write(Self.answer(.serviceUnknown)) }
                        for await isServing in health.watch() where isKnown {
                            try await writer.write(Self.answer(isServing ? .serving : .notServing))
                        }
                    } catch {}
                }
                // The caller is gone, or the gateway ends.
                group.addTask { _ = try? await context.cancellation.cancelled }
                _ = await group.next()
                group.cancelAll()
            }
            return [:]
        }
    }

    private static func answer(
        _ status: Grpc_Health_V1_HealthCheckResponse.ServingStatus
    ) -> Grpc_Health_V1_HealthCheckResponse {
        var answer = Grpc_Health_V1_HealthCheckResponse()
        answer.status = status
        return answer
    }
}
