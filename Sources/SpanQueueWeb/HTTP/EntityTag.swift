// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

internal import SpanQueue
internal import SpanQueueAdmin

/// What a job's state is known by, so that one can act on what one has seen: it changes with whatever happens to a job, and not
/// with its lease, which is extended every few seconds. It is made of what is shown alone: what is not could else be found by guesses.
enum EntityTag {
    static func of(_ record: JobRecord, _ redaction: Redaction) -> String {
        let run = record.run
        let parts = [
            record.state.rawValue, "\(run.attempts)", "\(run.reclaims)", "\(run.history.count + run.droppedEvents)",
            run.changedAt?.description ?? "", record.claim?.token.description ?? "", "\(record.cancelRequested)",
            run.progress.map { "\($0.fraction) \(redaction.masked($0.note))" } ?? "",
            // A result comes with the end of its attempt.
            record.message.enqueuedAt.description,
        ]
        let digest = Digest.sha256(Array(parts.joined(separator: "\0").utf8))
        return "\"\(Array(digest.prefix(8)).hexadecimal)\""
    }

    /// Whether a list of tags, as `If-Match` and `If-None-Match` have it, names this one.
    static func list(_ header: String, names tag: String) -> Bool {
        let wanted = header.split(separator: ",").map { $0.trimmingPrefix { $0 == " " || $0 == "\t" } }
        return wanted.contains { part in
            let bare = part.hasPrefix("W/") ? part.dropFirst(2) : part
            return bare == "*" || bare.prefix { $0 != " " } == tag[...]
        }
    }
}
