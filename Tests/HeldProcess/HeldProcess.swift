// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation

/// A program that cannot outlive the tests. A shell holds it, and ends it when its standard input ends, which is a pipe that closes with
/// this process, however that ends. Where somebody kills the shell too, as one does who kills all that a test run has started, the
/// kernel kills the program (on Linux).
package struct HeldProcess: Sendable {
    /// Of the program itself.
    package let processIdentifier: Int32
    private let guardian: Guardian

    package struct NotStarted: Error, CustomStringConvertible {
        package let description: String
    }

    /// $1 is the signal, the rest is the program. `cat` as a command of its own: while the shell waits for it, it hears of the program's
    /// end, too, and so does who asks for its number.
    private static let script = """
        signal=$1
        shift
        hold=
        if command -v setpriv >/dev/null; then hold='setpriv --pdeathsig KILL'; fi
        cd /
        $hold "$@" </dev/null >/dev/null 2>&1 &
        child=$!
        echo $child
        exec >/dev/null 2>&1
        cat
        kill -$signal $child
        wait $child
        """

    /// - Parameters:
    ///   - words: the program and its arguments. Its working directory is `/`, and it says nothing.
    ///   - signal: what ends it at once and in order.
    package init(_ words: [String], endedBy signal: String = "KILL") throws {
        let output = Pipe()
        guardian = try Guardian(Self.script, [signal] + words, output: output)
        let line = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
        guard let child = Int32(line.trimmingCharacters(in: .whitespacesAndNewlines)) else {
            throw NotStarted(description: "cannot start \(words[0]): is it installed?")
        }
        processIdentifier = child
    }

    /// Whether its shell is there.
    package var isHeld: Bool { guardian.isRunning }

    /// Ends it, and waits until it is gone.
    package func end() { guardian.release() }
}

/// A directory in `/tmp` that does not outlive the tests either: a shell of its own removes it. What still writes there, because it is
/// being ended itself, may take its time.
package struct HeldDirectory: Sendable {
    package let path: String
    private let guardian: Guardian

    /// $1 is the directory.
    private static let script = """
        read -r _
        n=0
        while rm -rf -- "$1"; [ -e "$1" ] && [ $n -lt 400 ]; do
            n=$((n + 1))
            sleep 0.05
        done
        """

    /// - Parameter name: what the directory's begins with: `spanq-pg`. This process' number follows. It is short, because a socket's path
    ///   may have little over 100 bytes.
    package init(_ name: String) throws {
        let random = String(UInt32.random(in: .min ... .max), radix: 36)
        path = "/tmp/\(name)-\(ProcessInfo.processInfo.processIdentifier)-\(random)"
        guardian = try Guardian(Self.script, [path], output: nil)
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    }

    /// Removes it, and waits until it is gone.
    package func remove() { guardian.release() }
}

/// A shell that does what it is for when this process lets go of it, or ends.
///
/// `@unchecked Sendable`: nothing in it changes after the start. `Process` may be asked and waited for from any thread, and closing the
/// lifeline again does nothing.
private final class Guardian: @unchecked Sendable {
    private let process = Process()
    private let lifeline: FileHandle

    init(_ script: String, _ arguments: [String], output: Pipe?) throws {
        let input = Pipe()
        lifeline = input.fileHandleForWriting
        // Another program that is started at this moment must not hold it open.
        _ = fcntl(lifeline.fileDescriptor, F_SETFD, FD_CLOEXEC)
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = ["-c", script, "sh"] + arguments
        process.standardInput = input
        process.standardOutput = output ?? FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try startWithEverySignal()
    }

    /// A child inherits the signal mask of the thread that starts it, and the threads that run Swift tasks block nearly all. A shell that
    /// does not hear of SIGCHLD waits forever for the end of a child in the background, unless it has run a command since.
    private func startWithEverySignal() throws {
        var none = sigset_t()
        var before = sigset_t()
        sigemptyset(&none)
        pthread_sigmask(SIG_SETMASK, &none, &before)
        defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
        try process.run()
    }

    var isRunning: Bool { process.isRunning }

    func release() {
        try? lifeline.close()
        process.waitUntilExit()
    }
}
