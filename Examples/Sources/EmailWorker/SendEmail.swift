// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueue

/// A message to one person.
struct SendEmail: Job {
    static let jobType = "email:send"
    static let options: [EnqueueOption] = [.maxRetries(10), .timeout(.seconds(60)), .deadline(after: .seconds(86_400))]

    var to: String
    var subject: String
    var text: String
}
