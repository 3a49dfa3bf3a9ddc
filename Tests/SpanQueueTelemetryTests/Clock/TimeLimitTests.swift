// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueueTelemetry
import Testing

@Suite("A limit in time")
struct TimeLimitTests {
    private struct Broken: Error {}

    @Test("what is done in time gives its value, or its error")
    func inTime() async throws {
        #expect(await TimeLimit.run(.seconds(60)) { 7 } == 7)
        await #expect(throws: Broken.self) {
            try await TimeLimit.run(.seconds(60)) { () async throws(Broken) -> Int in throw Broken() }
        }
    }

    @Test("what is late is cancelled and gives nothing")
    func late() async {
        let value = await TimeLimit.run(.milliseconds(1)) {
            // Ends when it is cancelled.
            (try? await Task.sleep(for: .seconds(600))) == nil
        }
        #expect(value == nil)
    }

    @Test("a caller that is cancelled gets what the body makes of it, which is not a late end")
    func cancelled() async {
        let task = Task {
            await TimeLimit.run(.seconds(600)) { (try? await Task.sleep(for: .seconds(600))) == nil ? "cancelled" : "" }
        }
        task.cancel()
        #expect(await task.value == "cancelled")
    }
}
