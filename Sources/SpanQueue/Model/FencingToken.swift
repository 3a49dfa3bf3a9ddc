/// What tells one claim of a job from every other.
///
/// `value` strictly rises from claim to claim of one job, so a handler can hand it to a database of its own and refuse the
/// writes of a holder that was thought dead (Kleppmann, "How to do distributed locking", 2016). The nonce keeps two claims
/// apart even where the server lost its last writes and its clock was set back.
public struct FencingToken: Sendable, Hashable, Comparable, CustomStringConvertible {
    /// Rises with every claim of the job: microseconds of the engine's clock, or the last value plus one.
    public let value: Int64
    /// Random, drawn by the claiming worker.
    public let nonce: UInt32

    package init(value: Int64, nonce: UInt32) {
        self.value = value
        self.nonce = nonce
    }

    /// `<value>-<nonce in hex>`.
    public var description: String { "\(value)-\(String(nonce, radix: 16))" }

    /// The later claim is greater; the nonce has no part in the order.
    public static func < (left: FencingToken, right: FencingToken) -> Bool { left.value < right.value }
}
