// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

/// Code that runs round every attempt: it may look at the context, run something before and after `next`, keep an error from
/// going on, or throw one of its own. The first that is added is the outermost.
public typealias Middleware =
    @Sendable (_ context: JobContext, _ next: @Sendable () async throws -> Void) async throws -> Void

/// A job as a raw handler gets it.
public struct RawJob: Sendable, Hashable {
    /// Its type.
    public let type: String
    /// Its payload, as it was enqueued.
    public let payload: [UInt8]
}
