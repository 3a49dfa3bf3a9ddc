// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

public import ArgumentParser
import Foundation
import Logging
public import SpanQueue
import SpanQueueAdmin
import SpanQueueCommand
import SpanQueueOTLP
import SpanQueueRedis
import SpanQueueTelemetry

/// The options of every command.
struct GlobalOptions: ParsableArguments {
    @Flag(help: "Print JSON instead of text for people.")
    var json = false

    @OptionGroup var connection: ConnectionOptions

    /// The settings by flag, environment and file. Keys of the file that mean nothing are told on stderr.
    func reader(_ flags: [Setting: String?] = [:], lists: [Setting: [String]] = [:]) throws -> SettingsReader {
        try connection.reader(flags, lists: lists, warn: Console.warn)
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
    /// What `spanq` reports.
    init(
        for audience: Audience, slowAttempt: Duration? = nil, attemptParent: AttemptParent = .auto,
        recordsMetrics: Bool = true, logger: Logger
    ) {
        self.init(
            for: audience, program: "spanq", slowAttempt: slowAttempt, attemptParent: attemptParent,
            recordsMetrics: recordsMetrics, warn: Console.warn, logger: logger)
    }

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
