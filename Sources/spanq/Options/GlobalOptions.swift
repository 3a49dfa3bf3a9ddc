// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

public import ArgumentParser
import Foundation
import Logging
public import SpanQueue
import SpanQueueAdmin
import SpanQueueOTLP
import SpanQueueRedis
import SpanQueueTelemetry

/// The options of every command.
struct GlobalOptions: ParsableArguments {
    @Flag(help: "Print JSON instead of text for people.")
    var json = false

    @Option(
        help: ArgumentHelp(
            "Where Redis is: redis://[user:password@]host[:port][/db], rediss://… for TLS, unix:///path, or redis-sentinel://host,host/service.",
            discussion: "Or SPANQ_REDIS_URL; redis://127.0.0.1:6379 unless given.", valueName: "url"))
    var redis: String?

    @Option(
        name: .customLong("engine-url"),
        help: ArgumentHelp(
            "Where the engine is: postgres://[user:password@]host[:port]/database, or any URL that --redis takes.",
            discussion: "Or SPANQ_URL.", valueName: "url"))
    var engineURL: String?

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

    /// The settings by flag, environment and file. Keys of the file that mean nothing are told on stderr.
    func reader(_ flags: [Setting: String?] = [:], lists: [Setting: [String]] = [:]) throws -> SettingsReader {
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
        for (setting, value) in ours.merging(flags, uniquingKeysWith: { first, _ in first }) {
            if let value { given[setting] = [value] }
        }
        let variable = environment["SPANQ_CONFIG"].flatMap { $0.isEmpty ? nil : $0 }
        let file = try (config ?? variable).map { path in try ConfigurationFile(path: path) }
        let layers = SettingLayers(flags: given, environment: environment, file: file)
        if !layers.unknownKeys.isEmpty, let path = layers.filePath {
            Console.note(
                "spanq: warning: \(path) has keys without a meaning: \(layers.unknownKeys.joined(separator: ", "))")
        }
        return SettingsReader(layers)
    }

    /// Runs something with a connected queue, and closes it whatever happens.
    func withQueue<Result>(
        _ reader: SettingsReader? = nil, _ body: (JobQueue) async throws -> Result
    ) async throws -> Result {
        var reader = try reader ?? self.reader()
        var settings = try ConnectionSettings(&reader, logLevel: .error)
        // A person is waiting: for no server that is not there, and less than a worker for a collector that is away.
        settings.engine.waitsForServer = false
        let telemetry = CommandTelemetry(for: .command, logger: settings.logger())
        let result: Result
        do {
            result = try await settings.withQueue(telemetry: telemetry.jobs, body)
        } catch {
            await telemetry.endCommand()
            throw error
        }
        await telemetry.endCommand()
        return result
    }
}

extension CommandTelemetry {
    /// Exports what the command left. Nothing to do where nothing is exported.
    func endCommand() async {
        _ = await telemetry.shutdown(within: .seconds(2))
    }
}

/// The word before something that can't be undone.
struct Confirmation: ParsableArguments {
    @Flag(name: .shortAndLong, help: "Do not ask.")
    var yes = false

    /// Asks on a terminal; where nobody can be asked, `--yes` must be there.
    func require(_ question: String) throws {
        if yes { return }
        guard Console.canAsk else {
            throw CommandFailure.usage("this can't be undone, and there is no terminal to ask on: add --yes")
        }
        guard Console.confirms(question) else { throw CommandFailure.failed("not confirmed: nothing was done") }
    }
}

/// A queue, by its name.
struct QueueArgument: ParsableArguments {
    @Argument(help: ArgumentHelp("The queue.", valueName: "queue")) var name: String

    func validate() throws {
        try NameRule.queue.validate(name)
    }
}

extension NameRule {
    /// Judges a name on the command line before there is a connection.
    func validate(_ name: String?) throws(ValidationError) {
        guard let name else { return }
        do { try check(name) } catch { throw ValidationError(error.message) }
    }
}

extension JobID {
    /// An id from the command line.
    init(argument text: String) throws(CommandFailure) {
        do {
            try self.init(text)
        } catch {
            throw .usage(error.message)
        }
    }
}

extension JobState: ExpressibleByArgument {
    /// Only a state that this version knows.
    public init?(argument: String) {
        guard let state = Self.known.first(where: { $0.rawValue == argument }) else { return nil }
        self = state
    }

    /// For the help and for shells.
    public static var allValueStrings: [String] { known.map(\.rawValue) }
}

extension GlobalOptions {
    /// Runs something with a connected queue and what a person may do to it, and closes it whatever happens.
    func withAdmin<Result>(
        _ reader: SettingsReader? = nil, _ body: (Admin) async throws -> Result
    ) async throws -> Result {
        let reader = try reader ?? self.reader()
        return try await withQueue(reader) { queue in try await body(Admin(queue)) }
    }
}

extension Principal {
    /// Whoever runs this process, who may do everything that Redis lets them.
    static let ofProcess = Principal(name: "\(userName)@\(ProcessInfo.processInfo.hostName)", way: .command)

    /// By the password file, which nobody can set like a variable; a container's user may not stand in it.
    private static var userName: String {
        guard let entry = getpwuid(getuid()) else { return "uid-\(getuid())" }
        return String(cString: entry.pointee.pw_name)
    }
}
