// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Logging
import SpanQueue
import SpanQueueCommand
import SpanQueueGateway
import SpanQueueServer

/// What a gateway is told by flags, variables and the configuration file, the nearest first.
struct GatewaySettings {
    var connection: ConnectionSettings
    var gateway: GatewayConfiguration
    /// Of /metrics.
    let listen: ListenChoice
    var queue = JobQueueConfiguration()
    let slowAttempt: Duration?
    let attemptParent: AttemptParent
    let edges: EdgeSettings

    /// - Throws: a usage error that names the source of what can't be used.
    init(_ reader: inout SettingsReader) throws {
        connection = try ConnectionSettings(&reader, logLevel: .info)
        try connection.readRetention(&reader)
        gateway = GatewayConfiguration(
            address: try reader.listen(.gatewayListen, default: GatewayConfiguration.standardAddress).address)
        guard gateway.address != .off else {
            throw CommandFailure.usage("a gateway serves nothing with --listen none: give it a host and port")
        }
        listen = try reader.listen(default: .standard)
        let drainTimeout = try reader.duration(.drainTimeout, default: gateway.drainTimeout) { duration in
            var worker = WorkerConfiguration()
            worker.drainTimeout = duration
            try worker.check()
        }
        gateway.drainTimeout = drainTimeout ?? gateway.drainTimeout
        queue.enqueueTimeout = .seconds(30)
        queue.maxPayloadBytes = try reader.integer(.gatewayMaxPayload, default: queue.maxPayloadBytes) { bytes in
            guard (0...Limits.largestPayloadBytes).contains(bytes) else {
                throw SpanQueueError(
                    .invalidArgument, "\(bytes) bytes: use 0 to \(Limits.largestPayloadBytes), and store more elsewhere"
                )
            }
        }
        slowAttempt = try reader.duration(.slowAttempt, default: nil)
        attemptParent = try reader.attemptParent()
        edges = try EdgeSettings(&reader)
        gateway.connectionAge = edges.connectionAge
    }
}
