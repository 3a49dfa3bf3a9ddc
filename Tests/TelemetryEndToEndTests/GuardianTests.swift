// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import RedisServerFixture
import Testing

extension TelemetryEndToEnd {
    @Suite(
        "What holds the servers and programs of tests",
        .enabled(if: FileManager.default.fileExists(atPath: "/proc/self/stat")))
    struct GuardianTests {
        @Test("neither a redis-server nor a program outlives the one who holds it, when that is killed")
        func killed() async throws {
            try await Stage.with { stage in
                let sleeper = try stage.start("sleep", ["600"])
                for held in [stage.server.processIdentifier, sleeper.processIdentifier] {
                    let guardian = try #require(Self.stat(held)?.parent)
                    #expect(kill(guardian, SIGKILL) == 0)
                    try await wait(for: "the end of \(held)") {
                        // A container may have nobody who takes note of an orphan's end: it stays as a zombie.
                        guard let state = Self.stat(held)?.state else { return true }
                        return state == "Z" || state == "X"
                    }
                }
            }
        }

        private static func stat(_ process: Int32) -> (state: Substring, parent: Int32)? {
            guard let text = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8),
                let end = text.lastIndex(of: ")")
            else { return nil }
            let words = text[text.index(after: end)...].split(separator: " ")
            return Int32(words[1]).map { (words[0], $0) }
        }
    }
}
