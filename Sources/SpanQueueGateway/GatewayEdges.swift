// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import GRPCCore
package import Logging
package import SpanQueue
package import SpanQueueAdmin
import SpanQueueProto

/// What stands round producers and workers: who may come and by which certificates, health, reflection and administration.
package struct GatewayEdges: Sendable {
    package var access = GatewayAccess.anyone
    package var tls: GatewayTLS?
    /// What is said of a gateway that can be reached from elsewhere; whether it has TLS and users is looked up.
    package var exposure = GatewayExposure()
    /// What `Admin` masks.
    package var redaction = Redaction()
    package var mostConnections = ConnectionLimit.standard
    /// Times and bounds of `Watch`.
    package var live = LiveLimits()

    package init() {}

    /// Sets a gateway up with them.
    ///
    /// - Parameters:
    ///   - configuration: of the gateway, with its address.
    ///   - health: to be run beside the gateway, and to be told first of a shutdown.
    /// - Throws: `.invalidArgument` for what would let others in, and for files that can't be used; where the registry has no room.
    package func apply(
        to configuration: inout GatewayConfiguration, _ queue: JobQueue, health: GatewayHealth, logger: Logger
    ) throws {
        var exposure = exposure
        exposure.hasTLS = tls != nil
        exposure.hasUsers = access.hasUsers
        try exposure.check(configuration.address)
        if let tls { configuration.security = try tls.security(logger: logger) }
        let registry = queue.telemetry.registry
        configuration.connections = try ConnectionLimit(mostConnections, registry)
        configuration.interceptors.insert(try AccessInterceptor(access, registry, logger: logger), at: 0)
        let served = [Wire.Producer.descriptor, Wire.Worker.descriptor, Spanqueue_V1_Admin.descriptor].map(
            \.fullyQualifiedService)
        let index = try ReflectionIndex(
            ProtoDescriptors.set, services: served + [HealthService.name] + ReflectionService.names)
        var limits = live
        if access.hasUsers { limits.viewersOfOne = limits.viewersOfOne ?? LiveLimits.viewersOfOneUser }
        let events = GatewayLive(queue, limits, redaction, logger: logger)
        configuration.companions.append(events)
        configuration.services += [
            AdminService(queue, redaction: redaction, live: events.hub), HealthService(health, services: served),
            ReflectionService(index),
        ]
    }
}
