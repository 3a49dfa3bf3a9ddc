// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueue
import SpanQueuePostgres
import SpanQueueRedis

/// The engine of a URL, whichever it is.
enum EngineOn {
    /// Records are kept until the scenario is over: its checker reads all of them.
    static func source(_ url: String) -> EngineSource {
        guard url.hasPrefix("postgres") else { return .redis(url, WorkerRole.keepsAll) }
        return .postgres(url, WorkerRole.keepsAllInPostgres)
    }

    /// Engines without a queue in front, for what only they can do: claim and settle.
    static func make(_ url: String) throws -> any Engine {
        try source(url).make(EngineEnvironment(logger: .silent))
    }

    static func started(_ url: String) async throws -> any Engine {
        let engine = try make(url)
        try await engine.start()
        return engine
    }
}
