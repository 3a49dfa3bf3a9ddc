// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueue

/// Everything that can be configured. The raw value is the key in the file; the flag and the environment variable follow from it.
package enum Setting: String, CaseIterable {
    case url
    case postgresSchema = "postgres-schema"
    case redisURL = "redis-url"
    case redisTimeout = "redis-timeout"
    case redisTLSAuthorities = "redis-tls-ca"
    case redisTLSCertificate = "redis-tls-cert"
    case redisTLSKey = "redis-tls-key"
    case redisTLSServerName = "redis-tls-server-name"
    case redisSentinelUser = "redis-sentinel-user"
    case redisSentinelPassword = "redis-sentinel-password"
    case redisSentinelTLS = "redis-sentinel-tls"
    case redisSentinelTLSAuthorities = "redis-sentinel-tls-ca"
    case redisSentinelTLSCertificate = "redis-sentinel-tls-cert"
    case redisSentinelTLSKey = "redis-sentinel-tls-key"
    case redisSentinelTLSServerName = "redis-sentinel-tls-server-name"
    case allowEviction = "allow-eviction"
    case durability
    case logLevel = "log-level"
    case logFormat = "log-format"
    case listen
    case web
    case webReadOnly = "web-read-only"
    case webUsers = "web-users"
    case webHost = "web-host"
    case webUserHeader = "web-user-header"
    case webGroupsHeader = "web-groups-header"
    case webTrustedProxy = "web-trusted-proxy"
    case webFrameAncestors = "web-frame-ancestors"
    case redact
    case webTraceURL = "web-trace-url"
    case webQueueURL = "web-queue-url"
    case slowAttempt = "slow-attempt"
    case traceURL = "trace-url"
    case attemptParent = "attempt-parent"
    case concurrency
    case queues
    case strictQueues = "strict-queues"
    case lease
    case drainTimeout = "drain-timeout"
    case cancellationGrace = "cancellation-grace"
    case maxReclaims = "max-reclaims"
    case unknownTypeDelay = "unknown-type-delay"
    case unknownTypeRetries = "unknown-type-retries"
    case retention
    case retentionCount = "retention-count"
    case deadRetention = "dead-retention"
    case exec
    case execTimeout = "exec-timeout"
    case execKillGrace = "exec-kill-grace"
    case execPassEnvironment = "exec-pass-env"
    case http
    case httpHeader = "http-header"
    case httpSigningKey = "http-signing-key"
    case httpTimeout = "http-timeout"
    case httpAllowHost = "http-allow-host"
    case httpUseProxy = "http-use-proxy"
    case gatewayListen = "gateway-listen"
    case gatewayMaxPayload = "gateway-max-payload"
    case gatewayUsers = "gateway-users"
    case gatewayUserList = "gateway-user-list"
    case gatewayTLSCertificate = "gateway-tls-cert"
    case gatewayTLSKey = "gateway-tls-key"
    case gatewayTLSClientAuthorities = "gateway-tls-client-ca"
    case gatewayAllowPlaintext = "gateway-allow-plaintext"
    case gatewayAllowAnyone = "gateway-allow-anyone"
    case gatewayConnectionAge = "gateway-connection-age"
    case gatewayRedact = "gateway-redact"

    package var key: String { rawValue }

    /// `--redis` is shorter than its key, `--url` is what some commands call, and flags of `spanq gateway` need not say so; all others are called
    /// as in the file.
    package var flag: String {
        switch self {
        case .url: "--engine-url"
        case .redisURL: "--redis"
        default: "--" + rawValue.replacing(/^gateway-/, with: "")
        }
    }

    package var variable: String { "SPANQ_" + rawValue.uppercased().replacing("-", with: "_") }

    /// Whether it has any number of values, and what parts them in an environment variable: commands and URLs may hold commas.
    package var separator: Character? {
        switch self {
        case .exec, .http, .httpHeader, .httpSigningKey: "\n"
        case .execPassEnvironment, .httpAllowHost, .strictQueues, .queues, .webHost, .webTrustedProxy,
            .webFrameAncestors, .redact, .gatewayRedact:
            ","
        default: nil
        }
    }
}

/// Where a value came from.
package enum SettingSource: Equatable {
    case flag(String)
    case environment(String)
    case file(key: String, path: String)
    case standard

    /// For errors and for `--print-config`.
    package var description: String {
        switch self {
        case .flag(let name): name
        case .environment(let name): name
        case .file(let key, let path): "\(key) in \(path)"
        case .standard: "default"
        }
    }

    /// Nearer sources win: a lower rank.
    package var rank: Int {
        switch self {
        case .flag: 0
        case .environment: 1
        case .file: 2
        case .standard: 3
        }
    }
}

/// A setting in effect, as `--print-config` shows it.
package struct SettingEntry: Encodable {
    package let key: String
    package let value: String
    package let source: String

    package init(setting: Setting, value: String, source: SettingSource) {
        self.key = setting.key
        self.value = value
        self.source = source.description
    }
}

/// Why a text is not a value for a setting; whoever asked knows where the text came from.
package struct SettingProblem: Error {
    package let message: String

    package init(_ message: String) {
        self.message = message
    }

    /// Passes on what the library says of a value.
    package static func wrap<Value>(_ body: () throws -> Value) throws(SettingProblem) -> Value {
        do {
            return try body()
        } catch let error as SpanQueueError {
            throw SettingProblem(error.message)
        } catch {
            throw SettingProblem(String(describing: error))
        }
    }
}
