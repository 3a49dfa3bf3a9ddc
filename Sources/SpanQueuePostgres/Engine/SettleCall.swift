// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import PostgresClient
import SpanQueue

/// The ends of attempts of one queue, as `settle_1` takes them.
enum SettleCall {
    struct End {
        let claim: ClaimReference
        let verdict: String
        let parameter: Int64?
        let run: [UInt8]
    }

    static func call(_ ends: [End], in queue: String, _ engine: PostgresEngine) -> PostgresCall {
        PostgresCall(
            "settle", engine.statements.settle,
            [
                .text(queue), .texts(ends.lazy.map(\.claim.id.description)),
                .int8s(ends.lazy.map { $0.claim.token.value }), .int8s(ends.lazy.map { Int64($0.claim.token.nonce) }),
                .texts(ends.lazy.map(\.claim.worker)), .texts(ends.lazy.map(\.verdict)),
                .int8s(ends.lazy.map(\.parameter)), .byteArrays(ends.lazy.map(\.run)),
                .bool(engine.options.settlesDurably),
            ])
    }
}

extension SettleCall.End {
    /// - Parameter isPlain: whether nothing but the end itself may have to be done where it completes.
    init(_ settlement: Settlement, isPlain: Bool) {
        let (verdict, parameter): (String, Int64?) =
            switch settlement.verdict {
            case .complete:
                switch settlement.job.message.retention.kind {
                case .standard: (isPlain ? "C" : "c", nil)
                case .none: ("c", 0)
                // One of no length is none.
                case .duration(let span): ("c", max(0, span.milliseconds))
                }
            case .retry(let delay), .snooze(let delay): ("t", delay.milliseconds)
            case .bury: ("b", nil)
            case .release: ("r", nil)
            case .cancel: ("x", nil)
            }
        self.init(
            claim: settlement.reference, verdict: verdict, parameter: parameter,
            run: RunPacking.packForSettlement(settlement.run))
    }
}
