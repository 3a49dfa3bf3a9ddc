// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
public import SpanQueue

/// A secret that sender and receiver share, to sign deliveries with (Standard Webhooks 1.0, HMAC with SHA-256).
///
/// It shows itself nowhere: its description is the same for all.
public struct WebhookKey: Sendable, CustomStringConvertible, CustomReflectable {
    private static let prefix = "whsec_"
    private static let allowedBytes = 24...64

    private let secret: [UInt8]

    /// Takes a key as Standard Webhooks writes it: `whsec_` and the base64 of 24 to 64 random bytes. Such a key is made by
    /// `echo "whsec_$(openssl rand -base64 32)"`.
    ///
    /// - Throws: `.invalidArgument`, without a word of the key.
    public init(_ text: String) throws(SpanQueueError) {
        guard text.hasPrefix(Self.prefix),
            let bytes = Data(base64Encoded: String(text.dropFirst(Self.prefix.count))),
            Self.allowedBytes.contains(bytes.count)
        else {
            throw SpanQueueError(
                .invalidArgument,
                "a signing key is whsec_ and the base64 of 24 to 64 bytes: make one with "
                    + "echo \"whsec_$(openssl rand -base64 32)\"")
        }
        secret = [UInt8](bytes)
    }

    /// Never the secret.
    public var description: String { "whsec_***" }
    /// Never the secret.
    public var customMirror: Mirror { Mirror(self, children: []) }

    /// The signature of one message by this key: `v1,` and the base64 of the HMAC of `id.timestamp.payload`.
    func signature(id: String, timestamp: Int, payload: [UInt8]) -> String {
        "v1," + Data(Digest.hmacSHA256(Array("\(id).\(timestamp).".utf8) + payload, key: secret)).base64EncodedString()
    }
}

/// The three headers of a signed delivery.
enum WebhookSignature {
    /// - Parameter timestamp: when this attempt is sent, in seconds since 1970; receivers refuse what is too old.
    static func headers(
        jobID: String, timestamp: Int, payload: [UInt8], keys: [WebhookKey]
    ) -> [(name: String, value: String)] {
        guard !keys.isEmpty else { return [] }
        let id = messageID(jobID)
        let signatures = keys.map { $0.signature(id: id, timestamp: timestamp, payload: payload) }
        return [
            (name: "webhook-id", value: id),
            (name: "webhook-timestamp", value: "\(timestamp)"),
            (name: "webhook-signature", value: signatures.joined(separator: " ")),
        ]
    }

    /// The job's id, which is the same in each attempt. A dot would make what is signed ambiguous, since dots part it: `a.1` with the
    /// timestamp 2 would be signed as `a` with the timestamp 1. No id has a percent sign, so each still has its own.
    static func messageID(_ jobID: String) -> String { jobID.replacing(".", with: "%2E") }
}
