// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

/// A claim as records hold it: `<token>-<nonce in hex>:<worker>`.
package struct Lease {
    package let token: FencingToken
    package let worker: String

    package init(_ text: String) throws(PackingError) {
        guard let colon = text.firstIndex(of: ":"), let dash = text[..<colon].firstIndex(of: "-"),
            let value = Int64(text[..<dash]),
            let nonce = UInt32(text[text.index(after: dash)..<colon], radix: 16)
        else { throw PackingError(description: "\"\(text.prefix(80))\" is not a lease") }
        token = FencingToken(value: value, nonce: nonce)
        worker = String(text[text.index(after: colon)...])
    }

    package static func text(_ reference: ClaimReference) -> String {
        "\(reference.token):\(reference.worker)"
    }

    /// A token is the time of its claim in µs, unless two claims fell into one µs or the server's clock was set back.
    /// Later than that after Redis' clock was set back: a token rises all the same.
    package var claimedAt: Timestamp { Timestamp(milliseconds: token.value / 1000) }
}

/// The texts of the leases of many claims: those of one claim of a batch have the same, which is written once.
package struct LeaseTexts {
    private var latest: (token: FencingToken, worker: String, text: [UInt8])?

    package init() {}

    package mutating func text(_ reference: ClaimReference) -> [UInt8] {
        if let latest, latest.token == reference.token, latest.worker == reference.worker { return latest.text }
        let text = Array(Lease.text(reference).utf8)
        latest = (reference.token, reference.worker, text)
        return text
    }
}
