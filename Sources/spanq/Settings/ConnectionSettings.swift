// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import HiredisClient
import Logging
import SpanQueue
import SpanQueueRedis
import SpanQueueTelemetry

/// What every command needs: where Redis is, and how much to log.
struct ConnectionSettings {
    static let standardURL = "redis://127.0.0.1:6379"

    var redisURL: String
    var engine = RedisEngineOptions()
    let logLevel: Logger.Level
    let logFormat: LogFormat

    init(_ reader: inout SettingsReader, logLevel standardLevel: Logger.Level) throws {
        redisURL = try reader.value(.redisURL, default: Self.standardURL, shown: Self.mask) {
            values throws(SettingProblem) in
            let text = values.joined(separator: ",")
            do throws(RedisURLError) { _ = try RedisURL(text) } catch { throw SettingProblem(error.message) }
            return text
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
        (try? RedisURL(url))?.description ?? "***"
    }
}

extension ConnectionSettings {
    /// Lines to stderr, so that stdout is for results alone.
    func logger() -> Logger {
        var logger = Logger(label: "spanq") { LineLogHandler(label: $0, format: logFormat) }
        logger.logLevel = logLevel
        return logger
    }

    /// Runs something with a connected queue, and closes it whatever happens.
    func withQueue<Result>(
        telemetry: JobTelemetry, logger: Logger? = nil, _ body: (JobQueue) async throws -> Result
    ) async throws -> Result {
        let queue = try JobQueue(
            engine: .redis(redisURL, engine), telemetry: telemetry, logger: logger ?? self.logger())
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
