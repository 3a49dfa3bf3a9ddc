// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

/// What `spanq job show ID --json` prints of a job, as far as it is looked at here.
struct ShownJob: Decodable {
    struct Attempt: Decodable {
        let number: Int
        let outcome: String?
        let worker: String
        let spanID: String
        let token: String

        enum CodingKeys: String, CodingKey {
            case number, outcome, worker, token
            case spanID = "span_id"
        }
    }

    let id: String
    let state: String
    let traceID: String
    let traceparent: String
    let attempts: [Attempt]

    enum CodingKeys: String, CodingKey {
        case id, state, traceparent, attempts
        case traceID = "trace_id"
    }

    /// The creation's span id: the third part of the traceparent.
    var creation: ReceivedSpan.Link {
        let parts = traceparent.split(separator: "-").map(String.init)
        return ReceivedSpan.Link(traceID: parts[1], spanID: parts[2])
    }

    func link(_ attempt: Int) -> ReceivedSpan.Link {
        ReceivedSpan.Link(traceID: traceID, spanID: attempts[attempt].spanID)
    }
}
