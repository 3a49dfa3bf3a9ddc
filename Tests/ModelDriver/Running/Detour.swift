// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueue
import SpanQueueTesting

/// A stage whose engine is reached in another way, such as through a gateway. The server, its clock and its faults are those of the stage.
final class Detour<Ground: ModelStage>: ModelStage {
    /// What strikes a call in Postgres strikes the first statement of it, and here a call may be several.
    static var faults: [Fault] {
        Ground.storage == .keys ? Ground.faults : Ground.faults.filter { !$0.isMadeByServer }
    }
    static var storage: MemoryQueue.Storage { Ground.storage }
    static var comparesEnds: Bool { false }

    private let ground: Ground
    let engine: any Engine

    init(_ ground: Ground, _ engine: any Engine) {
        self.ground = ground
        self.engine = engine
    }

    var now: Timestamp { ground.now }
    var clockCreeps: Bool { ground.clockCreeps }

    func setTime(_ moment: Timestamp) async throws { try await ground.setTime(moment) }
    func reset() async throws { try await ground.reset() }
    func read() async throws -> Ground.Store { try await ground.read() }
    func findings(maxReclaims: Int) async throws -> [AuditViolation] {
        try await ground.findings(maxReclaims: maxReclaims)
    }
    func saved() async throws -> Ground.Saved { try await ground.saved() }
    func restore(_ saved: Ground.Saved) async throws { try await ground.restore(saved) }
    func swallowWakeUp() async throws { try await ground.swallowWakeUp() }
    func isLate(_ error: SpanQueueError) -> Bool { ground.isLate(error) }
    func bring(_ fault: Fault, on call: Call, choice: UInt64) async throws -> Trouble {
        try await ground.bring(fault, on: call, choice: choice)
    }
}
