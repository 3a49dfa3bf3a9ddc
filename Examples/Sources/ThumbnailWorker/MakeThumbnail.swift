// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueue

/// A smaller copy of an image. Enqueued twice before it is done, it is one job.
struct MakeThumbnail: Job {
    static let jobType = "image:thumbnail"
    static let options: [EnqueueOption] = [.maxRetries(3), .timeout(.seconds(60)), .uniqueUntilFinished()]

    /// Absolute paths; the kind of the copy follows from its ending.
    var source: String
    var target: String
    /// In pixels, for the longer side.
    var size: Int
}
