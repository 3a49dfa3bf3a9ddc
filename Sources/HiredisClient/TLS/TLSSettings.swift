// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

/// How to check the server of a `rediss://` URL, and how to be checked by it.
///
/// The server's certificate is always verified, its name included; nothing here turns that off.
package struct TLSSettings: Sendable, Hashable {
    /// A file of the certificate authorities to trust, in PEM, or a folder as `openssl rehash` makes it; nil for the system's.
    package var caPath: String?
    /// A file with a certificate of ours and the chain that leads to it, in PEM, and one with its key, without a password. Both or
    /// neither.
    package var certificatePath: String?
    package var keyPath: String?
    /// The name that the certificate must be for, where it is not the URL's host: for servers that are reached by an address.
    package var serverName: String?

    package init(
        caPath: String? = nil, certificatePath: String? = nil, keyPath: String? = nil, serverName: String? = nil
    ) {
        self.caPath = caPath
        self.certificatePath = certificatePath
        self.keyPath = keyPath
        self.serverName = serverName
    }

    /// Reads the files and throws away what it has read: what is wrong with them is better said at the start than at the first
    /// connection.
    ///
    /// - Throws: `.tls` with what is wrong with which file.
    package func check() throws(RedisError) {
        _ = try TLSContext(self)
    }
}
