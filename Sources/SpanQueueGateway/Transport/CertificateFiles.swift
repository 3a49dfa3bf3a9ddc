// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
package import Logging
import NIOCertificateReloading
package import NIOSSL
package import SpanQueue
import Synchronization

/// The gateway's certificate and key, as their files have them now: a renewed certificate counts for the next connection, a second later.
///
/// The files are looked at when somebody connects, and at most once a second. A pair that can't be used, as when the certificate is there
/// already and its key is not, leaves the last one that could, and the log says so.
package final class CertificateFiles: CertificateReloader {
    private struct State {
        var certificate: [UInt8]
        var key: [UInt8]
        var pair: NIOSSLContextConfigurationOverride
        var nextLook: ContinuousClock.Instant
    }

    private let certificate: String
    private let key: String
    private let logger: Logger
    private let state: Mutex<State>
    private static let interval = Duration.seconds(1)

    /// Reads them.
    ///
    /// - Parameters:
    ///   - certificate: path of a PEM file: the certificate, and those between it and an authority that clients trust.
    ///   - key: path of a PEM file.
    /// - Throws: `.invalidArgument` for files that can't be read, or do not belong together.
    package init(certificate: String, key: String, logger: Logger) throws(SpanQueueError) {
        self.certificate = certificate
        self.key = key
        self.logger = logger
        let bytes = (try Self.read(certificate), try Self.read(key))
        let pair = try Self.pair(bytes.0, bytes.1, certificate, key)
        state = Mutex(State(certificate: bytes.0, key: bytes.1, pair: pair, nextLook: .now + Self.interval))
    }

    package var sslContextConfigurationOverride: NIOSSLContextConfigurationOverride { current() }

    package func current(now: ContinuousClock.Instant = .now) -> NIOSSLContextConfigurationOverride {
        state.withLock { state in
            guard now >= state.nextLook else { return state.pair }
            state.nextLook = now + Self.interval
            do throws(SpanQueueError) {
                let bytes = (try Self.read(certificate), try Self.read(key))
                guard bytes.0 != state.certificate || bytes.1 != state.key else { return state.pair }
                state.pair = try Self.pair(bytes.0, bytes.1, certificate, key)
                (state.certificate, state.key) = bytes
                logger.notice("the certificate was read again", metadata: ["file": "\(certificate)"])
            } catch {
                logger.error("the certificate is that of before", metadata: ["error": "\(error.message)"])
            }
            return state.pair
        }
    }

    private static func read(_ path: String) throws(SpanQueueError) -> [UInt8] {
        guard let data = FileManager.default.contents(atPath: path), data.count <= 1 << 20 else {
            throw SpanQueueError(.invalidArgument, "\(path) can't be read as a file of less than a MiB")
        }
        return Array(data)
    }

    private static func pair(
        _ certificate: [UInt8], _ key: [UInt8], _ certificatePath: String, _ keyPath: String
    ) throws(SpanQueueError) -> NIOSSLContextConfigurationOverride {
        let chain: [NIOSSLCertificateSource]
        do { chain = try NIOSSLCertificate.fromPEMBytes(certificate).map { .certificate($0) } } catch {
            throw SpanQueueError(.invalidArgument, "\(certificatePath) has no certificate in PEM")
        }
        guard !chain.isEmpty else {
            throw SpanQueueError(.invalidArgument, "\(certificatePath) has no certificate in PEM")
        }
        let source: NIOSSLPrivateKeySource
        do { source = .privateKey(try NIOSSLPrivateKey(bytes: key, format: .pem)) } catch {
            throw SpanQueueError(.invalidArgument, "\(keyPath) has no private key in PEM, or one with a password")
        }
        do {
            // It looks whether they belong together.
            _ = try NIOSSLContext(configuration: .makeServerConfiguration(certificateChain: chain, privateKey: source))
        } catch {
            throw SpanQueueError(.invalidArgument, "\(keyPath) is not the key of the certificate in \(certificatePath)")
        }
        var pair = NIOSSLContextConfigurationOverride()
        pair.certificateChain = chain
        pair.privateKey = source
        return pair
    }
}
