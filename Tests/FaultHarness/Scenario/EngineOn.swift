// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueue
import SpanQueueRedis

/// Engines without a queue in front, for what only they can do: claim and settle.
enum EngineOn {
    static func make(_ url: String) throws -> any Engine {
        try EngineSource.redis(url, WorkerRole.keepsAll).make(EngineEnvironment(logger: .silent))
    }

    static func started(_ url: String) async throws -> any Engine {
        let engine = try make(url)
        try await engine.start()
        return engine
    }
}
