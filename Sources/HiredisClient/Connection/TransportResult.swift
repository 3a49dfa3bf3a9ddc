// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueueLoop

/// What came of a ``Transport``'s read or write.
enum TransportResult {
    case moved(Int)
    /// Nothing moved; try again when the descriptor is ready for this. With TLS a read may have to write first, and the other way
    /// round.
    case wants(LoopInterest)
    case closed(RedisError)
}
