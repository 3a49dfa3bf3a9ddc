// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

package import Logging
package import ServiceLifecycle
package import SpanQueue
package import SpanQueueServer
import SpanQueueTelemetry

/// The services that show what a worker or a server process does.
package struct Observability {
    /// How long a worker may get no answers, while Redis answers, until /livez says so.
    package static let fetchLimit = Duration.minutes(1)

    package let server: MetricsServer
    /// List these first: they are stopped last.
    package let services: [any Service]
    /// List this last: it is the first to know of a stop.
    package var drainNotice: any Service { server.drainNotice }

    /// - Parameter fetchLimit: how long a worker may fail to claim until /livez says so; nil for a process that claims nothing.
    package init(
        _ telemetry: CommandTelemetry, queue: JobQueue, listen: ListenChoice, fetchLimit: Duration?, logger: Logger
    ) throws {
        try telemetry.registerPage(of: queue)
        let live = fetchLimit.map { [HealthCheck.fetching(queue, within: $0)] } ?? []
        func makeServer(_ address: ListenAddress) -> MetricsServer {
            MetricsServer(
                address: address, registry: telemetry.registry, live: live, ready: [.engine(queue), .features(queue)],
                queue: queue, logger: logger)
        }
        let server = makeServer(listen.address)
        do throws(SpanQueueError) {
            // A port that can't be had is an error now, and not after the first job.
            try server.start()
            self.server = server
        } catch {
            switch (listen.isGiven ? .fail : listen.whenTaken, listen.address.tcp) {
            case (.takeAnother, let (host, _)?):
                let other = makeServer(.tcp(host: host, port: 0))
                do throws(SpanQueueError) { try other.start() } catch { throw Self.failure(error) }
                self.server = other
            case (.fail, _):
                throw Self.failure(error)
            case (.serveNothing, _), (.takeAnother, _):
                logger.warning("not serving /metrics: \(error.message)")
                self.server = makeServer(.off)
            }
        }
        services = [telemetry.telemetry, self.server]
    }

    private static func failure(_ error: SpanQueueError) -> CommandFailure {
        let exit = CommandExit(error.code)
        return CommandFailure(code: exit == .unreachable ? .addressTaken : exit, message: error.message)
    }
}

/// Where something is served.
package struct ListenChoice {
    package let address: ListenAddress
    /// Whether somebody asked for this address; else it is the default.
    package let isGiven: Bool
    /// What happens where the default can't be used.
    package var whenTaken = WhenTaken.serveNothing

    package enum WhenTaken {
        case fail
        /// A second worker on a machine works, and says that it can't be seen.
        case serveNothing
        /// A port that is free, on the same host.
        case takeAnother
    }

    package init(address: ListenAddress, isGiven: Bool) {
        self.address = address
        self.isGiven = isGiven
    }
}

extension SettingsReader {
    /// Reads where something is served: /metrics unless another setting is named.
    package mutating func listen(
        _ setting: Setting = .listen, default standard: ListenAddress,
        check: (ListenAddress) throws(SpanQueueError) -> Void = { _ in }
    ) throws -> ListenChoice {
        let isGiven = try layers.find(setting) != nil
        let address = try value(setting, default: standard, shown: { "\($0)" }) { values throws(SettingProblem) in
            do throws(SpanQueueError) {
                let address = try ListenAddress(values.joined())
                try check(address)
                return address
            } catch {
                throw SettingProblem(error.message)
            }
        }
        return ListenChoice(address: address, isGiven: isGiven)
    }
}
