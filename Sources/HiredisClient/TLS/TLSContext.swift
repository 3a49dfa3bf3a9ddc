// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

private import CSpanQueueTLS

/// What was read from the files of ``TLSSettings``: connections are made of it.
///
/// Not `Sendable`: it belongs to the loop's thread, as do the connections.
final class TLSContext {
    let context: OpaquePointer
    private let settings: TLSSettings
    private let stamps: [FileStamp?]

    init(_ settings: TLSSettings) throws(RedisError) {
        self.settings = settings
        // Before they are read, so that a change in between is noticed the next time.
        stamps = Self.stamps(of: settings)
        if (settings.certificatePath == nil) != (settings.keyPath == nil) {
            throw RedisError(
                .tls, "a TLS certificate needs its key, and a key its certificate: set both, or neither")
        }
        var problem = SPANQUEUE_TLS_FILES_FINE
        guard
            let context = spanqueue_tls_context_create(
                settings.caPath, settings.certificatePath, settings.keyPath, &problem)
        else { throw Self.error(problem, settings) }
        self.context = context
    }

    deinit {
        spanqueue_tls_context_free(context)
    }

    /// Whether the files are still those that were read. Certificates are renewed under a running process.
    var isCurrent: Bool { stamps == Self.stamps(of: settings) }

    private static func stamps(of settings: TLSSettings) -> [FileStamp?] {
        [settings.caPath, settings.certificatePath, settings.keyPath].map { $0.flatMap(FileStamp.init) }
    }

    private static func error(_ problem: spanqueue_tls_files, _ settings: TLSSettings) -> RedisError {
        let certificate = settings.certificatePath ?? ""
        let key = settings.keyPath ?? ""
        return switch problem {
        case SPANQUEUE_TLS_CA_UNREADABLE:
            if let path = settings.caPath {
                RedisError(
                    .tls,
                    "can't read TLS certificate authorities from \(path): it must be a file of certificates in PEM, or a folder"
                )
            } else {
                RedisError(.tls, "the system has no TLS certificate authorities: name a file of them")
            }
        case SPANQUEUE_TLS_CERTIFICATE_UNREADABLE:
            RedisError(.tls, "can't read the TLS certificate \(certificate): it must be a file in PEM")
        case SPANQUEUE_TLS_KEY_UNREADABLE:
            RedisError(.tls, "can't read the TLS key \(key): it must be a file in PEM that this user may read")
        case SPANQUEUE_TLS_KEY_ENCRYPTED:
            RedisError(
                .tls, "the TLS key \(key) has a password: store it without, by openssl pkey -in \(key) -out FILE")
        case SPANQUEUE_TLS_KEY_OF_ANOTHER:
            RedisError(.tls, "the TLS key \(key) is not that of the certificate \(certificate)")
        default:
            RedisError(.tls, "no memory for TLS")
        }
    }
}
