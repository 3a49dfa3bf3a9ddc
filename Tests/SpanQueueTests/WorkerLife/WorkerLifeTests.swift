// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import Testing

@testable import SpanQueue

/// `SPANQ_LIFE_SEEDS` sets how many runs there are; `SPANQ_LIFE_FIRST` with which seed they begin.
@Suite("A worker's life, as a model")
struct WorkerLifeTests {
    private static func number(_ name: String) -> UInt64? {
        ProcessInfo.processInfo.environment[name].flatMap { UInt64($0) }
    }

    @Test("keeps its promises whatever fails, hangs or answers late, one call or a whole queue")
    func model() throws {
        let first = Self.number("SPANQ_LIFE_FIRST") ?? 1
        let seeds = Self.number("SPANQ_LIFE_SEEDS") ?? 500
        var coverage: Set<String> = []
        for seed in first..<first + seeds {
            var model = LifeModel(seed: seed)
            try model.run()
            coverage.formUnion(model.coverage)
        }
        guard seeds >= 500 else { return }
        // Each call with each fault; each phase in which calls begin with each fault that may happen in it.
        for kind in LifeModel.CallKind.allCases {
            for fault in LifeModel.Fault.allCases {
                #expect(coverage.contains("\(kind.rawValue) \(fault.rawValue)"), "\(kind) \(fault) never happened")
            }
        }
        for phase in ["running", "once", "draining", "cancelling", "settling", "leaving"] {
            for fault in LifeModel.Fault.allCases {
                #expect(coverage.contains("\(phase) \(fault.rawValue)"), "\(fault) never happened in \(phase)")
            }
        }
    }
}
