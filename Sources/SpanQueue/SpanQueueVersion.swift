// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

internal import SpanQueueTelemetry

/// The version of SpanQueue.
package enum SpanQueueVersion {
    /// `major.minor.patch`, by semantic versioning.
    package static let text = LibraryVersion.text
}
