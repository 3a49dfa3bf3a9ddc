// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import ModelDriver
import SpanQueueRedis

extension Stage {
    /// An empty server with the scripts under test: those in the binary, unless Scripts/mutants asks for others.
    static func startUnderTest() async throws -> Stage {
        let directory = ProcessInfo.processInfo.environment["SPANQ_TEST_SCRIPTS"]
        let stage = try await Stage.start(scripts: try directory.map(Scripts.replaced(from:)) ?? .embedded)
        try await stage.reset()
        return stage
    }
}
