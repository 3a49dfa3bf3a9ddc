// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

private import CSpanQueueTLS

#if canImport(Darwin)
    private import Darwin
#elseif canImport(Musl)
    private import Musl
#else
    private import Glibc
#endif

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

/// Tells one content of a file from another, as far as the file system knows. Links are followed: Kubernetes renews a secret by
/// changing where one points to.
struct FileStamp: Equatable {
    private let device: UInt64
    private let inode: UInt64
    private let size: Int64
    private let seconds: Int
    private let nanoseconds: Int

    /// Nil where there is no such file.
    init?(_ path: String) {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        device = UInt64(truncatingIfNeeded: status.st_dev)
        inode = UInt64(status.st_ino)
        size = Int64(status.st_size)
        #if canImport(Darwin)
            let changed = status.st_mtimespec
        #else
            let changed = status.st_mtim
        #endif
        seconds = changed.tv_sec
        nanoseconds = changed.tv_nsec
    }
}
