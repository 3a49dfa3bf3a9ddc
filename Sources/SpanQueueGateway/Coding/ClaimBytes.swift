// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

package import SpanQueue

/// A claim as clients carry it: opaque to them, and all that any gateway needs to extend or settle it.
///
/// A version byte, the token's value (8 bytes, the highest first) and nonce (4), then queue, id and worker, each behind a byte that tells
/// its length. It is not a secret and not a proof: everybody who may work on the queue could claim the job as well, and the engine looks at the token.
package enum ClaimBytes {
    /// The most bytes of one.
    package static let most = 512
    private static let version: UInt8 = 1

    package static func encode(_ claim: ClaimReference) -> [UInt8] {
        var bytes: [UInt8] = [version]
        bytes.reserveCapacity(64)
        withUnsafeBytes(of: claim.token.value.bigEndian) { bytes.append(contentsOf: $0) }
        withUnsafeBytes(of: claim.token.nonce.bigEndian) { bytes.append(contentsOf: $0) }
        for text in [claim.queue, claim.id.description, claim.worker] {
            bytes.append(UInt8(truncatingIfNeeded: text.utf8.count))
            bytes.append(contentsOf: text.utf8)
        }
        return bytes
    }

    /// Nil for what no gateway has made.
    package static func decode(_ bytes: some Collection<UInt8>) -> ClaimReference? {
        guard bytes.count <= most, bytes.first == version else { return nil }
        var rest = bytes.dropFirst()
        func number(_ count: Int) -> UInt64? {
            guard rest.count >= count else { return nil }
            defer { rest = rest.dropFirst(count) }
            return rest.prefix(count).reduce(0) { $0 << 8 | UInt64($1) }
        }
        func text() -> String? {
            guard let count = number(1), rest.count >= Int(count) else { return nil }
            defer { rest = rest.dropFirst(Int(count)) }
            return String(validating: rest.prefix(Int(count)), as: UTF8.self)
        }
        guard let value = number(8), let nonce = number(4), let queue = text(), let id = text(), let worker = text(),
            rest.isEmpty, NameRule.queue.allows(queue), NameRule.jobID.allows(id), NameRule.queue.allows(worker)
        else { return nil }
        return ClaimReference(
            id: JobID(unchecked: id), queue: queue,
            token: FencingToken(value: Int64(bitPattern: value), nonce: UInt32(nonce)), worker: worker)
    }
}
