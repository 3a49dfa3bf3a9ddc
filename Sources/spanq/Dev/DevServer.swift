// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import ServiceLifecycle
import SpanQueueCommand

/// A server of our own, for as long as we run.
///
/// It cannot outlive us. A shell holds it, and ends it when its own standard input ends: a pipe that closes with this process,
/// however that ends, by `kill -9` too. The shell also removes the directory, if that was made for this run. It has a process
/// group of its own (Foundation's `Process` sees to that), so Ctrl-C reaches us alone and jobs are released before the server goes.
final class DevServer: Sendable {
    /// What to start, and how it ends.
    struct Program: Sendable {
        /// As people know it: `redis-server`.
        let name: String
        let words: [String]
        /// The signals that end it soon and in good order, without `SIG`.
        let stop: String
        /// Where what it prints goes.
        let output: String
    }

    let directory: DevDirectory
    let name: String
    private let process: Process
    private let lifeline: FileHandle
    private let words: FileHandle
    private let ended: AsyncStream<Void>

    /// The guard reads with a builtin: a program of its own would outlive it, and hold what `Process` tells our end by.
    ///
    /// $1 is a directory to remove at the end, or empty, $2 the signals, $3 the file for what it prints, $4 its log, whose end it prints before
    /// it removes that; the rest is the command of the server.
    private static let script = """
        scrap=$1 signals=$2 output=$3 log=$4
        shift 4
        exec 3<&0
        cd /
        "$@" </dev/null >>"$output" 2>&1 3<&- &
        server=$!
        {
            read -r _ <&3
            for signal in $signals; do kill -$signal $server; done
            n=0
            while kill -0 $server && [ $n -lt 100 ]; do
                sleep 0.05
                n=$((n + 1))
            done
            kill -9 $server
        } >/dev/null 2>&1 &
        guard=$!
        exec 3<&-
        wait $server
        kill $guard 2>/dev/null
        tail -n 20 "$log" 2>/dev/null
        [ -z "$scrap" ] || rm -rf -- "$scrap"
        """

    init(_ program: Program, in directory: DevDirectory) throws {
        self.directory = directory
        name = program.name
        let process = Process()
        let input = Pipe()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments =
            [
                "-c", Self.script, "spanq-dev", directory.isTemporary ? directory.path : "", program.stop,
                program.output, directory.logPath,
            ] + program.words
        let output = Pipe()
        process.standardInput = input
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        // Programs that are run for jobs must not hold the lifeline open.
        _ = fcntl(input.fileHandleForWriting.fileDescriptor, F_SETFD, FD_CLOEXEC)
        let (stream, continuation) = AsyncStream.makeStream(of: Void.self)
        process.terminationHandler = { _ in continuation.finish() }
        do {
            try process.runWithEverySignal()
        } catch {
            directory.removeIfTemporary()
            throw CommandFailure.failed(
                "cannot start /bin/sh, which holds \(program.name): \(error.localizedDescription)")
        }
        self.process = process
        self.lifeline = input.fileHandleForWriting
        self.words = output.fileHandleForReading
        self.ended = stream
    }

    /// Waits until the server can be used.
    ///
    /// - Throws: a failure with its last words where it ends, or is not there within a minute; it is ended then.
    func wait(every interval: Duration, until isReady: () async -> Bool) async throws {
        let deadline = ContinuousClock.now + .seconds(60)
        while await !isReady() {
            guard process.isRunning, ContinuousClock.now < deadline else {
                await stop()
                throw CommandFailure.failed("\(name) did not start in \(directory.path): \(lastWords)")
            }
            do {
                try await Task.sleep(for: interval)
            } catch {
                await stop()
                throw error
            }
        }
    }

    /// The last thing that a server said which has ended.
    private var lastWords: String {
        let end = String(decoding: words.readDataToEndOfFile(), as: UTF8.self)
        let farewells = ["bye bye...", "database system is shut down"]
        let line = end.split(whereSeparator: \.isNewline).last { line in
            !farewells.contains { line.hasSuffix($0) }
        }
        return line.map(String.init) ?? "it said nothing: may the directory be written to?"
    }

    /// Of the shell that holds the server.
    var processIdentifier: Int32 { process.processIdentifier }

    /// Returns when the server has ended, or the task is cancelled.
    func waitForEnd() async {
        for await _ in ended {}
    }

    /// Ends the server, and waits until it is gone and its directory is removed.
    func stop() async {
        try? lifeline.close()
        while process.isRunning { try? await Task.sleep(for: .milliseconds(10)) }
    }
}

extension Process {
    /// A child inherits the signal mask of the thread that starts it, and the threads that run Swift tasks block nearly all: a shell
    /// would wait forever for a child's end, and a server would not hear a SIGTERM.
    func runWithEverySignal() throws {
        var none = sigset_t()
        var before = sigset_t()
        sigemptyset(&none)
        pthread_sigmask(SIG_SETMASK, &none, &before)
        defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
        try run()
    }
}

/// Ends `spanq dev` when its server ends by itself.
struct ServerWatch: Service {
    let server: DevServer

    func run() async throws {
        try await cancelWhenGracefulShutdown {
            await server.waitForEnd()
            guard !Task.isCancelled else { return }
            let log = server.directory.isTemporary ? "" : ": see \(server.directory.logPath)"
            throw CommandFailure.failed("the private \(server.name) ended by itself, or was killed\(log)")
        }
    }
}
