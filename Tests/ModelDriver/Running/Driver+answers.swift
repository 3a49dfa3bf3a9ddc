// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueue

extension Driver {
    /// Lets the caller of a call hear its answer.
    mutating func deliver(_ answer: Answer?, of call: Call) {
        switch (call, answer) {
        case (.claim(let request), .claimed(let reply)):
            held[request.worker]?.append(contentsOf: reply.jobs.map(HeldJob.init))
        case (.extend(let claims, _), .extended(let reply)):
            for claim in claims where reply.lost.contains(claim.id) { drop(claim) }
            for claim in claims where reply.cancelRequested.contains(claim.id) {
                change(claim) { $0.cancelRequested = true }
            }
        case (.settle(let settlements), .settled):
            for settlement in settlements { drop(settlement.reference) }
        case (.report(let job, _), .reported(false)): drop(job.reference)
        default: break
        }
    }

    func change(_ claim: ClaimReference, in held: inout [String: [HeldJob]], _ body: (inout HeldJob) -> Void) {
        guard let index = held[claim.worker]?.firstIndex(where: { $0.reference == claim }) else { return }
        if var job = held[claim.worker]?[index] {
            body(&job)
            held[claim.worker]?[index] = job
        }
    }

    mutating func change(_ claim: ClaimReference, _ body: (inout HeldJob) -> Void) {
        var all = held
        change(claim, in: &all, body)
        held = all
    }

    /// The worker lets go of a job; its claim is kept, for a zombie to use.
    mutating func drop(_ claim: ClaimReference) {
        guard let index = held[claim.worker]?.firstIndex(where: { $0.reference == claim }),
            let job = held[claim.worker]?.remove(at: index)
        else { return }
        retire(job)
    }

    mutating func retire(_ job: HeldJob) {
        oldClaims.append(job)
        if oldClaims.count > 8 { oldClaims.removeFirst() }
        guard let settlement = job.settlement else { return }
        oldSettlements.append(settlement)
        if oldSettlements.count > 8 { oldSettlements.removeFirst() }
    }
}
