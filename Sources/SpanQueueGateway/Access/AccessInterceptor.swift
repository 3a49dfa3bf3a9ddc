// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

package import GRPCCore
import GRPCNIOTransportHTTP2Posix
import GRPCProtobuf
package import Logging
import SpanQueueAdmin
package import SpanQueueTelemetry
import X509

/// Finds out who calls, before anything of the call is looked at. What they may do is asked where it is known what they want.
///
/// Health is open: those who ask for it, such as load balancers, have no tokens, and learn nothing but whether it serves. Reflection shows what
/// stands in the project's repository, and needs the scope `read` all the same: a gateway tells strangers as little as it can.
package struct AccessInterceptor: ServerInterceptor {
    private let access: GatewayAccess
    private let denied: CounterSeries
    private let logger: Logger

    /// - Throws: where the registry has no room for its metric.
    package init(_ access: GatewayAccess, _ registry: MetricsRegistry, logger: Logger) throws(MetricsError) {
        self.access = access
        self.logger = logger
        denied = try registry.counter(
            "spanq_gateway_unauthenticated", help: "Calls of which nobody knows who made them."
        ).child()
    }

    package func intercept<Input: Sendable, Output: Sendable>(
        request: StreamingServerRequest<Input>, context: ServerContext,
        next:
            @concurrent @Sendable (_ request: StreamingServerRequest<Input>, _ context: ServerContext) async throws ->
            StreamingServerResponse<Output>
    ) async throws -> StreamingServerResponse<Output> {
        let service = context.descriptor.service.fullyQualifiedService
        if service == HealthService.name { return try await next(request, context) }
        let caller: GatewayCaller
        do throws(GatewayError) {
            caller = try access.caller(Self.evidence(request.metadata, context), from: Self.address(context.remotePeer))
            if ReflectionService.names.contains(service), !caller.principal.scopes.contains(.read) {
                throw .forbidden("\(caller.name) may not do this: it needs the scope read")
            }
        } catch {
            if error.code == .unauthenticated {
                denied.increment()
                logger.debug(
                    "a call without a name", metadata: ["peer": "\(context.remotePeer)", "error": "\(error.message)"])
            }
            throw error.status
        }
        return try await GatewayCaller.$current.withValue(caller) { try await next(request, context) }
    }

    private static func evidence(_ metadata: Metadata, _ context: ServerContext) -> CallerEvidence {
        let transport = context.transportSpecific as? HTTP2ServerTransport.Posix.Context
        return CallerEvidence(
            authorization: Array(metadata[stringValues: "authorization"]),
            certificate: transport?.peerCertificate.map(commonNames))
    }

    /// Those of the subject that can be read.
    private static func commonNames(_ certificate: Certificate) -> [String] {
        certificate.subject.flatMap { $0 }.filter { $0.type == .RDNAttributeType.commonName }.map {
            String($0.value) ?? ""
        }
    }

    /// The host in `ipv4:10.0.0.1:1234` or `ipv6:[::1]:1234`; nil for a Unix socket.
    static func address(_ peer: String) -> String? {
        let parts = peer.split(separator: ":", maxSplits: 1)
        guard parts.count == 2, ["ipv4", "ipv6"].contains(parts[0]), let colon = parts[1].lastIndex(of: ":") else {
            return nil
        }
        return parts[1][..<colon].filter { $0 != "[" && $0 != "]" }
    }
}
