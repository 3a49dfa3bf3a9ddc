// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

package import ArgumentParser
import Foundation

/// The options of every program that works with an engine: where it is, and how much to log.
package struct ConnectionOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Where Redis is: redis://[user:password@]host[:port][/db], rediss://… for TLS, unix:///path, or redis-sentinel://host,host/service.",
            discussion: "Or SPANQ_REDIS_URL; redis://127.0.0.1:6379 unless given.", valueName: "url"))
    package var redis: String?

    @Option(
        name: .customLong("engine-url"),
        help: ArgumentHelp(
            "Where the engine is: postgres://[user:password@]host[:port]/database, or any URL that --redis takes.",
            discussion: "Or SPANQ_URL.", valueName: "url"))
    package var engineURL: String?

    @Option(help: ArgumentHelp("The schema of our tables in Postgres; spanq unless given.", valueName: "name"))
    var postgresSchema: String?

    @Option(help: ArgumentHelp("A configuration file in YAML or JSON, or SPANQ_CONFIG.", valueName: "file"))
    var config: String?

    @Option(
        help: ArgumentHelp("What is logged to stderr: trace, debug, info, notice, warning, error.", valueName: "level"))
    var logLevel: String?

    @Option(
        help: ArgumentHelp(
            "How lines of the log look: text, logfmt, json; text on a terminal and logfmt elsewhere unless given.",
            valueName: "format"))
    var logFormat: String?

    @Option(help: ArgumentHelp("How long a call waits for Redis, or for Postgres, such as 5s.", valueName: "duration"))
    var redisTimeout: String?

    @Option(
        name: .customLong("redis-tls-ca"),
        help: ArgumentHelp(
            "For rediss://: a file of the certificate authorities to trust, instead of the system's.", valueName: "file"
        ))
    var redisTLSCa: String?

    @Option(
        name: .customLong("redis-tls-cert"),
        help: ArgumentHelp("For rediss://: our own certificate, if Redis asks for one.", valueName: "file"))
    var redisTLSCert: String?

    @Option(
        name: .customLong("redis-tls-key"),
        help: ArgumentHelp("For rediss://: the key of that certificate.", valueName: "file"))
    var redisTLSKey: String?

    @Option(
        name: .customLong("redis-tls-server-name"),
        help: ArgumentHelp(
            "For rediss://: the name that Redis' certificate is for, if it is not the host's.", valueName: "name"))
    var redisTLSServerName: String?

    @Option(help: ArgumentHelp("For redis-sentinel://: the Sentinels' own user.", valueName: "name"))
    var redisSentinelUser: String?

    @Option(
        help: ArgumentHelp(
            "For redis-sentinel://: the Sentinels' own password: env:NAME, file:PATH, or the password itself.",
            valueName: "secret"))
    var redisSentinelPassword: String?

    @Option(
        name: .customLong("redis-sentinel-tls"),
        help: ArgumentHelp(
            "For redis-sentinel://: whether the Sentinels speak TLS, true or false; as in the URL unless given.",
            valueName: "choice"))
    var redisSentinelTLS: String?

    @Option(
        name: .customLong("redis-sentinel-tls-ca"),
        help: ArgumentHelp(
            "Like --redis-tls-ca, for Sentinels. Without any of these four, Sentinels use the TLS settings of Redis.",
            valueName: "file"))
    var redisSentinelTLSCa: String?

    @Option(
        name: .customLong("redis-sentinel-tls-cert"),
        help: ArgumentHelp("Like --redis-tls-cert, for Sentinels.", valueName: "file"))
    var redisSentinelTLSCert: String?

    @Option(
        name: .customLong("redis-sentinel-tls-key"),
        help: ArgumentHelp("Like --redis-tls-key, for Sentinels.", valueName: "file"))
    var redisSentinelTLSKey: String?

    @Option(
        name: .customLong("redis-sentinel-tls-server-name"),
        help: ArgumentHelp("Like --redis-tls-server-name, for Sentinels.", valueName: "name"))
    var redisSentinelTLSServerName: String?

    @Flag(help: "Work with a Redis that may evict jobs when its memory is full.")
    var allowEviction = false

    @Option(
        help: ArgumentHelp(
            "What an enqueue waits for: none; wait:N, until N replicas have the job; aof, until it is on disk; aof:N, also on the disks of N replicas.",
            valueName: "durability"))
    var durability: String?

    package init() {}

    /// The settings by flag, environment and file.
    ///
    /// - Parameters:
    ///   - flags: those of the program itself.
    ///   - names: of flags that the program calls otherwise than `Setting` does.
    ///   - warn: told of keys of the file that mean nothing.
    package func reader(
        _ flags: [Setting: String?] = [:], lists: [Setting: [String]] = [:], names: [Setting: String] = [:],
        warn: (String) -> Void
    ) throws -> SettingsReader {
        let environment = ProcessInfo.processInfo.environment
        var given: [Setting: [String]] = lists.filter { !$0.value.isEmpty }
        let ours: [Setting: String?] = [
            .url: engineURL, .postgresSchema: postgresSchema, .redisURL: redis, .logLevel: logLevel,
            .logFormat: logFormat, .redisTimeout: redisTimeout,
            .redisTLSAuthorities: redisTLSCa, .redisTLSCertificate: redisTLSCert, .redisTLSKey: redisTLSKey,
            .redisTLSServerName: redisTLSServerName, .redisSentinelUser: redisSentinelUser,
            .redisSentinelPassword: redisSentinelPassword, .redisSentinelTLS: redisSentinelTLS,
            .redisSentinelTLSAuthorities: redisSentinelTLSCa, .redisSentinelTLSCertificate: redisSentinelTLSCert,
            .redisSentinelTLSKey: redisSentinelTLSKey, .redisSentinelTLSServerName: redisSentinelTLSServerName,
            .allowEviction: allowEviction ? "true" : nil, .durability: durability,
        ]
        for (setting, value) in ours.merging(flags, uniquingKeysWith: { $0 ?? $1 }) {
            if let value { given[setting] = [value] }
        }
        let variable = environment["SPANQ_CONFIG"].flatMap { $0.isEmpty ? nil : $0 }
        let file = try (config ?? variable).map { path in try ConfigurationFile(path: path) }
        let layers = SettingLayers(flags: given, environment: environment, file: file, names: names)
        if !layers.unknownKeys.isEmpty, let path = layers.filePath {
            warn("\(path) has keys without a meaning: \(layers.unknownKeys.joined(separator: ", "))")
        }
        return SettingsReader(layers)
    }
}
