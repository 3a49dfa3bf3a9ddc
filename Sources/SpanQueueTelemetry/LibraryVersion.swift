// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

/// The one place that has SpanQueue's version.
package enum LibraryVersion {
    /// `major.minor.patch`.
    package static let text = "0.1.0"
}
