// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

package import Logging
import ServiceLifecycle
package import SpanQueue
package import SpanQueueAdmin

/// What happens in the queues, for those who watch: asked for once for all of them, as by the pages' server.
package final class GatewayLive: Service, Sendable {
    package let hub: LiveHub

    package init(
        _ queue: JobQueue, _ limits: LiveLimits = LiveLimits(), _ redaction: Redaction = Redaction(), logger: Logger
    ) {
        var admin = Admin(queue)
        admin.redaction = redaction
        let source = LiveSource(admin) { try await Task.sleep(for: $0) }
        hub = LiveHub(source, limits: limits, mask: { redaction.maskedAnswer($0) }, logger: logger)
    }

    /// Works until it is cancelled; a graceful shutdown ends the streams. Not where the gateway's calls run: figures of many queues are much to
    /// write, and workers are not to wait for that.
    package func run() async throws {
        let hub = hub
        await withGracefulShutdownHandler {
            await withTaskExecutorPreference(globalConcurrentExecutor) { await hub.run() }
        } onGracefulShutdown: {
            hub.stop()
        }
    }
}
