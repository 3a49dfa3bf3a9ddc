// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

package import Logging
import SpanQueueTelemetry

/// How `JobQueue` gets its engine: `.redis("redis://localhost:6379")`, `.inMemory()`.
public struct EngineSource: Sendable {
    /// Finds what is wrong with the settings, without any connection.
    package let check: @Sendable () throws(SpanQueueError) -> Void
    /// Makes the engine; it is not started yet.
    package let make: @Sendable (EngineEnvironment) throws -> any Engine

    /// Wraps a way to make an engine.
    package init(
        check: @escaping @Sendable () throws(SpanQueueError) -> Void = {},
        _ make: @escaping @Sendable (EngineEnvironment) throws -> any Engine
    ) {
        self.check = check
        self.make = make
    }
}

/// What an engine gets when it is made.
package struct EngineEnvironment: Sendable {
    /// Where it logs.
    package var logger: Logger
    private let telemetry: JobTelemetry?

    /// An environment with a logger alone.
    package init(logger: Logger) {
        self.logger = logger
        telemetry = nil
    }

    package init(logger: Logger, telemetry: JobTelemetry) {
        self.logger = logger
        self.telemetry = telemetry
    }

    /// Where an engine records its round trips; nil where nobody asks for them.
    ///
    /// - Parameter engine: the label `engine`: `redis`, `postgres`. An engine that makes no round trips does not ask.
    package func metrics(of engine: String) -> EngineMetrics? {
        telemetry.map { EngineMetrics($0.metrics, engine: engine) }
    }
}
