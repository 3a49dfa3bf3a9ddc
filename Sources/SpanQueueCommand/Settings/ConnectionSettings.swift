// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import HiredisClient
package import Logging
import PostgresClient
package import SpanQueue
package import SpanQueuePostgres
package import SpanQueueRedis
package import SpanQueueTelemetry

/// What every command needs: where the engine is, and how much to log.
package struct ConnectionSettings {
    private static let standardURL = "redis://127.0.0.1:6379"

    package var redisURL: String
    /// Where Postgres is; nil where the engine is Redis.
    package var postgresURL: String?
    /// Of the engine, without the password.
    package var shownURL: String { Self.mask(postgresURL ?? redisURL) }
    /// The settings that both engines have; what only Postgres has is in `postgres`.
    package var engine = RedisEngineOptions()
    package var postgres = PostgresEngineOptions()
    package let logLevel: Logger.Level
    package let logFormat: LogFormat

    package init(_ reader: inout SettingsReader, logLevel standardLevel: Logger.Level) throws {
        redisURL = try reader.value(.redisURL, default: Self.standardURL, shown: Self.mask) {
            values throws(SettingProblem) in
            let text = values.joined(separator: ",")
            do throws(RedisURLError) { _ = try RedisURL(text) } catch { throw SettingProblem(error.message) }
            return text
        }
        try Self.readURL(&reader, redis: &redisURL, postgres: &postgresURL)
        postgres.schema = try reader.value(.postgresSchema, default: postgres.schema, shown: { $0 }) {
            values throws(SettingProblem) in
            try SettingProblem.wrap { try PostgresSchema(values.joined(separator: ",")).name }
        }
        logLevel = try reader.value(.logLevel, default: standardLevel, shown: \.rawValue) {
            values throws(SettingProblem) in
            guard let level = Logger.Level(rawValue: values.joined().lowercased()) else {
                let names = Logger.Level.allCases.map(\.rawValue).joined(separator: ", ")
                throw SettingProblem("\"\(values.joined())\" is not a log level: use one of \(names)")
            }
            return level
        }
        logFormat = try reader.value(.logFormat, default: LineLogHandler.standardFormat, shown: \.name) {
            values throws(SettingProblem) in
            guard let format = LogFormat(named: values.joined().lowercased()) else {
                let names = LogFormat.all.map(\.name).joined(separator: ", ")
                throw SettingProblem("\"\(values.joined())\" is not a log format: use one of \(names)")
            }
            return format
        }
        let timeout = try reader.duration(.redisTimeout, default: engine.commandTimeout) { duration in
            var options = RedisEngineOptions()
            options.commandTimeout = duration
            try options.check()
        }
        engine.commandTimeout = timeout ?? engine.commandTimeout
        engine.tls = RedisTLS(
            authorities: try reader.text(.redisTLSAuthorities), certificate: try reader.text(.redisTLSCertificate),
            key: try reader.text(.redisTLSKey), serverName: try reader.text(.redisTLSServerName))
        engine.sentinel = try Self.sentinel(&reader)
        engine.allowsEviction = try reader.flag(.allowEviction)
        engine.durability = try reader.value(.durability, default: engine.durability, shown: \.description) {
            values throws(SettingProblem) in
            do throws(SpanQueueError) {
                return try RedisDurability(values.joined(separator: ","))
            } catch {
                throw SettingProblem(error.message)
            }
        }
    }

    /// Reads how long what has ended is kept, which those apply who settle jobs.
    package mutating func readRetention(_ reader: inout SettingsReader) throws {
        let standard = RedisEngineOptions()
        let retention = try reader.duration(.retention, default: standard.retention) { duration in
            var options = RedisEngineOptions()
            options.retention = duration
            try options.check()
        }
        engine.retention = retention ?? standard.retention
        engine.retentionCount = try reader.integer(.retentionCount, default: standard.retentionCount) { count in
            var options = RedisEngineOptions()
            options.retentionCount = count
            try options.check()
        }
        engine.deadRetention = try reader.duration(.deadRetention, default: nil)
    }

    private static func sentinel(_ reader: inout SettingsReader) throws -> RedisSentinel {
        let user = try reader.text(.redisSentinelUser)
        var password: String?
        _ = try reader.value(.redisSentinelPassword, default: nil, shown: { $0.map(SecretText.shown) ?? "none" }) {
            values throws(SettingProblem) -> String? in
            let text = values.joined(separator: ",")
            password = try SecretText.read(text)
            return text
        }
        let usesTLS = try reader.choice(.redisSentinelTLS, unset: "as the URL")
        let tls = RedisTLS(
            authorities: try reader.text(.redisSentinelTLSAuthorities),
            certificate: try reader.text(.redisSentinelTLSCertificate), key: try reader.text(.redisSentinelTLSKey),
            serverName: try reader.text(.redisSentinelTLSServerName))
        return RedisSentinel(
            user: user, password: password, usesTLS: usesTLS, tls: tls == RedisTLS() ? nil : tls)
    }

    private static func mask(_ url: String) -> String {
        (try? RedisURL(url))?.description ?? (try? PostgresURL(url))?.description ?? "***"
    }

    /// One URL for any engine. It goes before that of Redis, unless that comes from nearer.
    private static func readURL(
        _ reader: inout SettingsReader, redis: inout String, postgres: inout String?
    ) throws {
        let given = try reader.layers.find(.url)?.source
        let text = try reader.value(.url, default: nil, shown: { $0.map(mask) ?? "none" }) {
            values throws(SettingProblem) -> String? in
            let text = values.joined(separator: ",")
            try check(url: text)
            return text
        }
        guard let text, let given else { return }
        if let other = try reader.layers.find(.redisURL)?.source {
            guard other.rank != given.rank else {
                throw CommandFailure.usage(
                    "\(given.description) and \(other.description) both say where the engine is: leave one out")
            }
            if other.rank < given.rank { return }
        }
        if isPostgres(text) { postgres = text } else { redis = text }
    }

    private static func check(url text: String) throws(SettingProblem) {
        if isPostgres(text) {
            do throws(PostgresError) { _ = try PostgresURL(text) } catch { throw SettingProblem(error.message) }
            return
        }
        do throws(RedisURLError) {
            _ = try RedisURL(text)
        } catch {
            let isOther = error == .scheme
            throw SettingProblem(
                isOther
                    ? "not a URL of an engine: write redis://host:6379 or postgres://host/database" : error.message)
        }
    }

    /// The same settings for the engine at another URL.
    ///
    /// - Throws: a usage error that names the option.
    package func with(url: String, of option: String) throws(CommandFailure) -> ConnectionSettings {
        do throws(SettingProblem) {
            try Self.check(url: url)
        } catch {
            throw .usage("\(option): \(error.message)")
        }
        var settings = self
        settings.postgresURL = Self.isPostgres(url) ? url : nil
        if settings.postgresURL == nil { settings.redisURL = url }
        return settings
    }

    private static func isPostgres(_ text: String) -> Bool {
        text.hasPrefix("postgres://") || text.hasPrefix("postgresql://")
    }
}

extension ConnectionSettings {
    /// Lines to stderr, so that stdout is for results alone.
    package func logger(_ label: String = "spanq") -> Logger {
        var logger = Logger(label: label) { LineLogHandler(label: $0, format: logFormat) }
        logger.logLevel = logLevel
        return logger
    }

    /// The engine that these settings choose.
    package var source: EngineSource {
        guard let postgresURL else { return .redis(redisURL, engine) }
        return .postgres(postgresURL, postgresOptions)
    }

    /// Those of Postgres, with what both engines have.
    package var postgresOptions: PostgresEngineOptions {
        var options = postgres
        options.commandTimeout = engine.commandTimeout
        options.waitsForServer = engine.waitsForServer
        options.retention = engine.retention
        options.retentionCount = engine.retentionCount
        options.deadRetention = engine.deadRetention
        return options
    }

    /// - Throws: a usage error where the engine is another one, for a command that works on Redis alone.
    package func requireRedis(for command: String) throws(CommandFailure) {
        guard postgresURL == nil else {
            throw .usage("\(command) works on Redis alone, and the settings name Postgres: give it --redis URL")
        }
    }

    /// Runs something with a connected queue, and closes it whatever happens.
    package func withQueue<Result>(
        telemetry: JobTelemetry, configuration: JobQueueConfiguration = JobQueueConfiguration(),
        logger: Logger? = nil, _ body: (JobQueue) async throws -> Result
    ) async throws -> Result {
        let queue = try JobQueue(
            engine: source, configuration: configuration, telemetry: telemetry, logger: logger ?? self.logger())
        do {
            try await queue.connect()
            let result = try await body(queue)
            await queue.shutdown()
            return result
        } catch {
            await queue.shutdown()
            throw error
        }
    }
}
