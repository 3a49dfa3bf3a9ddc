// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import CSpanQueueSpawn
import SpanQueueLoop

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// One run of a program.
///
/// Why not swift-subprocess 1.0, which runs programs well in general: its teardown ends with the program itself, so what a
/// program that heeds SIGTERM leaves in its group (a child that does not heed it) is never killed, and after `run` has
/// reaped the leader the group's number is no longer safe to signal; it reads a pipe for as long as there is data in it, so a
/// grandchild that writes without end holds a run up forever; and its grace period sleeps on the cooperative pool, which
/// handlers of jobs may block. Here the leader stays a zombie until its group is dead, every wait has an end, and all of it
/// happens on a thread of its own.
///
/// How it goes: start → read, write → the leader ends → its output ends, or `leftoverTime` is over → SIGKILL to what is left of
/// the group → reap. The group dies with its leader because the lease ends then, too: the next attempt must not find
/// the last one still at work. A program that means to leave a daemon behind gives it a session of its own.
///
/// `@unchecked Sendable`: made by the task that waits for it, and from then on used on the loop's thread only.
final class ChildProcess: @unchecked Sendable {
    struct Bounds: Sendable {
        var killGrace: Duration
        var outputBytes: Int
        var errorBytes: Int
        /// How long the others in its group may finish writing after the program itself has ended.
        var leftoverTime = Duration.milliseconds(250)
        /// How often to look after the program where the system has no descriptor for its end.
        var lookInterval = Duration.milliseconds(10)
        /// How much of a pipe is read before the others get their turn.
        var bytesPerTurn = 256 << 10
    }

    private let loop: ExecLoop
    private let program: Program
    private let environment: [[UInt8]]
    private let bounds: Bounds
    private var input: [UInt8]
    private var written = 0
    private var continuation: UnsafeContinuation<ChildOutcome, Never>?

    private var pid: pid_t = 0
    private var output: StreamStart
    private var error: StreamEnd
    private var inputPipe: WatchedDescriptor?
    private var outputPipe: WatchedDescriptor?
    private var errorPipe: WatchedDescriptor?
    private var processDescriptor: WatchedDescriptor?
    private var timer: LoopTimer?
    private var lookTimer: LoopTimer?
    private var leaderEnd: ChildOutcome.End?
    private var isCancelled = false
    /// SIGTERM was sent.
    private var isTerminated = false

    init(_ program: Program, environment: [[UInt8]], input: [UInt8], bounds: Bounds, on loop: ExecLoop = .shared) {
        self.program = program
        self.environment = environment
        self.input = input
        self.bounds = bounds
        self.loop = loop
        self.output = StreamStart(limitBytes: bounds.outputBytes)
        self.error = StreamEnd(limitBytes: bounds.errorBytes)
    }

    /// Runs the program to its end. When the task is cancelled its group gets SIGTERM, and SIGKILL after the grace period.
    func run() async -> ChildOutcome {
        await withTaskCancellationHandler {
            await withUnsafeContinuation { continuation in
                loop.thread.execute { self.start(continuation) }
            }
        } onCancel: {
            loop.thread.execute { self.cancel() }
        }
    }

    // MARK: Start

    private func start(_ continuation: UnsafeContinuation<ChildOutcome, Never>) {
        self.continuation = continuation
        guard !isCancelled else { return settle(.cancelled) }
        let code = spawn()
        guard code == 0 else { return settle(.notStarted(code)) }
        watchEnd()
    }

    private func spawn() -> Int32 {
        var ends: [(Int32, Int32)] = []
        for ours: Int32 in [1, 0, 0] {
            var pair: (Int32, Int32) = (-1, -1)
            let code = withUnsafeMutableBytes(of: &pair) {
                spanqueue_pipe($0.assumingMemoryBound(to: Int32.self).baseAddress, ours)
            }
            guard code == 0 else {
                for (read, write) in ends {
                    close(read)
                    close(write)
                }
                return code
            }
            ends.append(pair)
        }
        let (stdin, stdout, stderr) = (ends[0], ends[1], ends[2])
        let code = CStrings.with(program.arguments.map { Array($0.utf8) }) { arguments in
            CStrings.with(environment) { environment in
                spanqueue_spawn(&pid, program.path, arguments, environment, stdin.0, stdout.1, stderr.1)
            }
        }
        if code == 0 { loop.started(pid) }
        for theirs in [stdin.0, stdout.1, stderr.1] { close(theirs) }
        guard code == 0 else {
            for ours in [stdin.1, stdout.0, stderr.0] { close(ours) }
            return code
        }
        let thread = loop.thread
        inputPipe = WatchedDescriptor(stdin.1, .write, on: thread) { [unowned self] in feed() }
        outputPipe = WatchedDescriptor(stdout.0, .read, on: thread) { [unowned self] in readOutput() }
        errorPipe = WatchedDescriptor(stderr.0, .read, on: thread) { [unowned self] in readError() }
        feed()
        return 0
    }

    /// Keeps this object alive, through the callbacks, until the end is seen.
    private func watchEnd() {
        let descriptor = spanqueue_process_descriptor(pid)
        if descriptor >= 0 {
            processDescriptor = WatchedDescriptor(descriptor, .read, on: loop.thread) { self.lookForEnd() }
        } else {
            lookLater()
        }
    }

    private func lookLater() {
        lookTimer = loop.thread.schedule(at: .now + bounds.lookInterval) {
            self.lookForEnd()
            if self.leaderEnd == nil { self.lookLater() }
        }
    }

    // MARK: Pipes

    private func feed() {
        while written < input.count {
            let count = input.withUnsafeBytes { bytes in
                write(inputPipe?.descriptor ?? -1, bytes.baseAddress.map { $0 + written }, bytes.count - written)
            }
            if count < 0 {
                if errno == EINTR { continue }
                if errno == EAGAIN { return }
                // EPIPE: the program does not want the rest, which is its own affair.
                break
            }
            written += count
        }
        inputPipe?.stop()
        inputPipe = nil
        input = []
        written = 0
    }

    private func readOutput() {
        guard drain(outputPipe, atMost: bounds.bytesPerTurn, into: { output.append($0) }) else { return }
        outputPipe?.stop()
        outputPipe = nil
        settleIfOver()
    }

    private func readError() {
        guard drain(errorPipe, atMost: bounds.bytesPerTurn, into: { error.append($0) }) else { return }
        errorPipe?.stop()
        errorPipe = nil
        settleIfOver()
    }

    /// Returns whether the pipe has come to its end.
    private func drain(_ pipe: WatchedDescriptor?, atMost limit: Int, into take: (UnsafeRawBufferPointer) -> Void)
        -> Bool
    {
        guard let pipe else { return true }
        var total = 0
        while total < limit {
            let count = read(pipe.descriptor, loop.scratch.baseAddress, loop.scratch.count)
            if count == 0 { return true }
            if count < 0 {
                if errno == EINTR { continue }
                return errno != EAGAIN
            }
            take(UnsafeRawBufferPointer(rebasing: loop.scratch[..<count]))
            total += count
        }
        return false
    }

    // MARK: End

    private func cancel() {
        guard !isCancelled else { return }
        isCancelled = true
        // It may be over without our having seen it, and then its exit code counts.
        if pid > 0, leaderEnd == nil, continuation != nil { lookForEnd() }
        guard pid > 0, leaderEnd == nil, continuation != nil else { return }
        signalGroup(SIGTERM)
        // A stopped program does not see SIGTERM.
        signalGroup(SIGCONT)
        isTerminated = true
        timer = loop.thread.schedule(at: .now + bounds.killGrace) {
            self.signalGroup(SIGKILL)
            self.timer = nil
            if self.leaderEnd != nil { self.finish() }
        }
    }

    private func lookForEnd() {
        var value: Int32 = 0
        let end: ChildOutcome.End
        switch spanqueue_child_end(pid, 0, &value) {
        case spanqueue_end_running: return
        case spanqueue_end_exit: end = .exit(value)
        case spanqueue_end_signal: end = .signal(value)
        default: end = .unknown
        }
        leaderEnd = end
        processDescriptor?.stop()
        processDescriptor = nil
        inputPipe?.stop()
        inputPipe = nil
        // Where it was terminated the others have the rest of the grace period, and then the timer finishes.
        if !isTerminated {
            timer = loop.thread.schedule(at: .now + bounds.leftoverTime) {
                self.timer = nil
                self.finish()
            }
        } else if timer == nil {
            return finish()
        }
        settleIfOver()
    }

    private func settleIfOver() {
        if leaderEnd != nil, outputPipe == nil, errorPipe == nil { finish() }
    }

    private func finish() {
        guard let leaderEnd, continuation != nil else { return }
        signalGroup(SIGKILL)
        // What they wrote before: at most a pipe's capacity, since whoever is in no group of ours may go on writing.
        _ = drain(outputPipe, atMost: 1 << 20, into: { output.append($0) })
        _ = drain(errorPipe, atMost: 1 << 20, into: { error.append($0) })
        loop.reap(pid)
        settle(isTerminated ? .cancelled : leaderEnd)
    }

    /// Signals the group as long as its number is its own: while the leader, running or a zombie, is our child. Once someone else
    /// has reaped it the number may be anyone's.
    private func signalGroup(_ number: Int32) {
        var value: Int32 = 0
        guard pid > 0, spanqueue_child_end(pid, 0, &value) != spanqueue_end_unknown else { return }
        kill(-pid, number)
    }

    private func settle(_ end: ChildOutcome.End) {
        if let timer { loop.thread.cancel(timer) }
        if let lookTimer { loop.thread.cancel(lookTimer) }
        for watched in [inputPipe, outputPipe, errorPipe, processDescriptor] { watched?.stop() }
        (inputPipe, outputPipe, errorPipe, processDescriptor) = (nil, nil, nil, nil)
        (timer, lookTimer) = (nil, nil)
        continuation?.resume(returning: ChildOutcome(end: end, output: output, error: error))
        continuation = nil
    }
}

/// A null-terminated array of C strings, as `execve` takes it.
private enum CStrings {
    static func with<Result>(
        _ strings: [[UInt8]], _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>?) -> Result
    ) -> Result {
        var pointers: [UnsafeMutablePointer<CChar>?] = strings.map { bytes in
            (bytes.map(CChar.init(bitPattern:)) + [0]).withUnsafeBufferPointer { $0.baseAddress.flatMap { strdup($0) } }
        }
        pointers.append(nil)
        defer { for pointer in pointers { free(pointer) } }
        return pointers.withUnsafeBufferPointer { body($0.baseAddress) }
    }
}

/// What became of a program.
struct ChildOutcome: Sendable {
    enum End: Sendable, Equatable {
        /// It ended with this exit code.
        case exit(Int32)
        /// This signal ended it.
        case signal(Int32)
        /// We ended it, because the attempt is over. Its exit code says nothing then: many programs answer SIGTERM with 0.
        case cancelled
        /// It ended, and someone else in this process has taken its exit code.
        case unknown
        /// It was not started, with this `errno`.
        case notStarted(Int32)
    }

    var end: End
    var output: StreamStart
    var error: StreamEnd
}
