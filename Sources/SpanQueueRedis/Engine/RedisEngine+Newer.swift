// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import HiredisClient
import Logging
import SpanQueue

/// A claimed job that a later version has written, and that this one can't read.
struct NewerJob {
    let reference: ClaimReference
    let priority: Int
}

extension RedisEngine {
    /// For how long a job that can't be read yet is put off. By then a worker that can read it may be there.
    private static let putOff = Duration.minutes(1)

    /// Releases jobs that a later version has written: nothing is wrong with them, so they are neither buried nor charged an attempt.
    /// Their records stay as they are, to the byte.
    ///
    /// Where Redis does not take it, their leases lapse.
    func putOff(_ jobs: [NewerJob], in queue: String) async {
        let ids = jobs.prefix(3).map(\.reference.id.description).joined(separator: ", ")
        logger.warning(
            "put off jobs that a newer SpanQueue has enqueued: upgrade this worker",
            metadata: ["queue": "\(queue)", "jobs": "\(jobs.count)", "such_as": "\(ids)"])
        _ = try? await call(
            RedisScriptCall(scripts.settle, keys: keys(queue).forSettling) { arguments in
                arguments.append(options.retentionCount)
                arguments.append(0)
                for job in jobs {
                    arguments.append("p")
                    arguments.append(job.reference.id.description)
                    arguments.append(Lease.text(job.reference))
                    arguments.append("")
                    arguments.append(Self.putOff.milliseconds)
                    arguments.append(job.priority)
                    arguments.append("")
                }
            })
    }
}
