// Stands in until the real target lands: the same signatures, and just enough to try the command line with.
import Foundation
public import SpanQueue
import SpanQueueTelemetry

/// Runs a program per job.
public struct ExecHandler: Sendable {
    private let command: String

    /// Takes a command.
    public init(command: String, configuration: ExecConfiguration = .init()) throws(SpanQueueError) {
        self.command = command
    }

    /// Runs it.
    public func run(_ job: RawJob, _ context: JobContext) async throws {
        let process = Process()
        let input = Pipe()
        let output = Pipe()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = ["-c", command]
        process.standardInput = input
        process.standardOutput = output
        process.environment = ProcessInfo.processInfo.environment.merging([
            "TRACEPARENT": context.trace.traceParent, "SPANQ_JOB_ID": context.id.description,
        ]) { $1 }
        try process.run()
        try input.fileHandleForWriting.write(contentsOf: Data(job.payload))
        try input.fileHandleForWriting.close()
        while process.isRunning {
            do {
                try await Task.sleep(for: .milliseconds(5))
            } catch {
                process.terminate()
                throw error
            }
        }
        try context.result(Array(output.fileHandleForReading.availableData))
        switch process.terminationStatus {
        case 0: return
        case 65: throw JobError.permanent("exit code 65")
        default: throw SpanQueueError(.engine, "exit code \(process.terminationStatus)")
        }
    }
}

/// Settings.
public struct ExecConfiguration: Sendable {
    /// Defaults.
    public init() {}
    /// Between SIGTERM and SIGKILL.
    public var killGrace: Duration = .seconds(5)
    /// Bytes kept of stderr.
    public var stderrLimit: Int = 2048
    /// Names of variables passed through.
    public var passedEnvironment: [String] = ["PATH"]
}

/// Posts jobs.
public final class HTTPDelivery: Sendable {
    /// Makes one.
    public init(configuration: HTTPDeliveryConfiguration = .init()) {}
    /// A handler.
    public func handler(url: String) throws(SpanQueueError) -> @Sendable (RawJob, JobContext) async throws -> Void {
        guard url.hasPrefix("http") else {
            throw SpanQueueError(.invalidArgument, "not an http URL: write http://host/path")
        }
        return { _, _ in throw SpanQueueError(.engine, "no HTTP yet") }
    }
    /// Ends.
    public func shutdown() async {}
}

/// Settings.
public struct HTTPDeliveryConfiguration: Sendable {
    /// Defaults.
    public init() {}
    /// Of a request.
    public var timeout: Duration = .seconds(30)
    /// Hosts.
    public var allowedHosts: [String] = []
}
