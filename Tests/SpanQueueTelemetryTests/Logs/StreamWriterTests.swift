// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import Testing

@testable import SpanQueueTelemetry

@Suite("What is written to a stream by a thread of its own")
struct StreamWriterTests {
    /// Both ends of a pipe that takes nothing more until somebody reads.
    private final class FullPipe {
        let reading: Int32
        let writing: Int32
        private(set) var filler = 0

        init() {
            // A writer of a test that is over must not end the tests.
            signal(SIGPIPE, SIG_IGN)
            var ends: [Int32] = [-1, -1]
            _ = pipe(&ends)
            (reading, writing) = (ends[0], ends[1])
            _ = fcntl(writing, F_SETFL, O_NONBLOCK)
            let bytes = [UInt8](repeating: 0, count: 4096)
            for size in [4096, 1] {
                while true {
                    let count = write(writing, bytes, size)
                    guard count > 0 else { break }
                    filler += count
                }
            }
            _ = fcntl(writing, F_SETFL, 0)
        }

        deinit { close(reading) }

        /// Reads until `end` has come, or nothing more for ten seconds; what filled the pipe is left out.
        func text(until end: String) -> String {
            var bytes: [UInt8] = []
            var buffer = [UInt8](repeating: 0, count: 1 << 16)
            var place = pollfd(fd: reading, events: Int16(POLLIN), revents: 0)
            while !String(decoding: bytes, as: UTF8.self).contains(end), poll(&place, 1, 10_000) > 0 {
                let count = read(reading, &buffer, buffer.count)
                guard count > 0 else { break }
                let skipped = min(count, filler)
                filler -= skipped
                bytes += buffer[skipped..<count]
            }
            return String(decoding: bytes, as: UTF8.self)
        }
    }

    private static func line(_ number: Int) -> [UInt8] { Array("line \(number)\n".utf8) }

    @Test("a stream that takes all is waited for, however slowly this process writes; one that takes nothing is not")
    func patience() throws {
        let path = "/tmp/spanq-test-\(UUID().uuidString.prefix(13))"
        let file = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0o600)
        defer {
            close(file)
            unlink(path)
        }
        let writer = StreamWriter(file, name: "test", capacityBytes: 64 << 20, stopsAtFailure: true)
        for number in 0..<200_000 { writer.submit(Self.line(number)) }
        #expect(!writer.isIdle)
        #expect(writer.flush(within: .zero, whileReady: .seconds(60)))
        let text = try String(contentsOfFile: path, encoding: .utf8)
        #expect(text.hasSuffix("line 199999\n"))

        let pipe = FullPipe()
        let stalled = StreamWriter(pipe.writing, name: "test", stopsAtFailure: true)
        stalled.submit(Self.line(0))
        #expect(!stalled.flush(within: .zero, whileReady: .seconds(60)))
        _ = pipe.text(until: "line 0\n")
        #expect(stalled.flush(within: .seconds(10)))
        close(pipe.writing)
    }

    @Test(
        "nobody waits for a stalled stream; what does not fit is counted, and told once there is room",
        .timeLimit(.minutes(1)))
    func stalled() {
        let pipe = FullPipe()
        let writer = StreamWriter(pipe.writing, name: "test", capacityBytes: 100 * 80, stopsAtFailure: false)
        writer.setNotice { Array("\($0) lost\n".utf8) }
        for number in 0..<1000 { writer.submit(Self.line(number)) }
        let lost = writer.losses
        #expect(lost.queueFull > 500 && lost.writeFailed == 0)
        #expect(!writer.flush(within: .milliseconds(20)))
        writer.submit(Self.line(0))
        var text = pipe.text(until: "lost\n")
        #expect(writer.flush(within: .seconds(10)))
        writer.submit(Array("end\n".utf8))
        text += text.hasSuffix("end\n") ? "" : pipe.text(until: "end\n")
        let lines = text.split(separator: "\n")
        let told = lines.compactMap { $0.hasSuffix(" lost") ? Int($0.dropLast(5)) : nil }.reduce(0, +)
        #expect(told == writer.losses.total && told >= lost.total)
        let kept = lines.filter { !$0.hasSuffix(" lost") }.dropLast()
        #expect(kept.count == 1001 - told)
        #expect(kept.prefix(1000 - lost.total).elementsEqual((0..<(1000 - lost.total)).map { "line \($0)" }[...]))
    }

    @Test("a progress bar that is lost is not counted", .timeLimit(.minutes(1)))
    func progress() {
        let pipe = FullPipe()
        let writer = StreamWriter(pipe.writing, name: "test", capacityBytes: 100, stopsAtFailure: false)
        for _ in 0..<10 { writer.submit(Array("\r50%".utf8), isRecord: false) }
        #expect(writer.losses.total == 0)
    }

    @Test("an item larger than all the queue goes out when it is alone", .timeLimit(.minutes(1)))
    func large() throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString).path
        defer { try? FileManager.default.removeItem(atPath: path) }
        let file = open(path, O_WRONLY | O_CREAT, 0o600)
        let writer = StreamWriter(file, name: "test", capacityBytes: 10, stopsAtFailure: true)
        #expect(writer.submit([UInt8](repeating: 1, count: 1 << 20)))
        #expect(writer.flush(within: nil))
        #expect(try Data(contentsOf: URL(fileURLWithPath: path)).count == 1 << 20)
    }

    @Test("a disk that is full loses records, says how many once it is not, and tears no line", .timeLimit(.minutes(1)))
    func fullDisk() throws {
        // The limit of a file's size stands for the disk's: EFBIG, after a part was written.
        let path = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString).path
        defer { try? FileManager.default.removeItem(atPath: path) }
        let full = open("/dev/full", O_WRONLY)
        let file = open(path, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        let own = dup(full)
        let writer = StreamWriter(own, name: "test", stopsAtFailure: false)
        writer.setNotice { Array("\($0) lost\n".utf8) }
        for number in 0..<10 { writer.submit(Self.line(number)) }
        #expect(writer.flush(within: .seconds(10)))
        #expect(writer.losses.writeFailed == 10 && writer.problem == ENOSPC)
        dup2(file, own)
        writer.submit(Self.line(10))
        #expect(writer.flush(within: .seconds(10)))
        #expect(try String(contentsOfFile: path, encoding: .utf8) == "10 lost\nline 10\n")
    }

    @Test("results stop at the first failure, so that there is no hole in them", .timeLimit(.minutes(1)))
    func results() throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString).path
        defer { try? FileManager.default.removeItem(atPath: path) }
        let own = open("/dev/full", O_WRONLY)
        let writer = StreamWriter(own, name: "test", stopsAtFailure: true)
        writer.submit(Self.line(1))
        #expect(writer.flush(within: .seconds(10)))
        let file = open(path, O_WRONLY | O_CREAT, 0o600)
        dup2(file, own)
        writer.submit(Self.line(2))
        #expect(writer.flush(within: .seconds(10)))
        #expect(writer.problem == ENOSPC)
        #expect(try String(contentsOfFile: path, encoding: .utf8) == "")
    }

    @Test("a stream that someone has made non-blocking is waited for, and loses nothing", .timeLimit(.minutes(1)))
    func nonBlocking() {
        let pipe = FullPipe()
        _ = fcntl(pipe.writing, F_SETFL, O_NONBLOCK)
        let writer = StreamWriter(pipe.writing, name: "test", stopsAtFailure: true)
        for number in 0..<5 { writer.submit(Self.line(number)) }
        #expect(pipe.text(until: "line 4\n") == (0..<5).map { "line \($0)\n" }.joined())
        #expect(writer.problem == nil)
    }

    @Test("two writers on one pipe do not mix their lines", .timeLimit(.minutes(1)))
    func atomicLines() {
        let pipe = FullPipe()
        let count = 2000
        let writers = (0..<2).map { StreamWriter(pipe.writing, name: "test\($0)", stopsAtFailure: false) }
        for number in 0..<count {
            for (index, writer) in writers.enumerated() {
                writer.submit(
                    Array((String(repeating: "ab"[index == 0 ? 0 : 1], count: 20 + number % 300) + "\n").utf8))
            }
        }
        writers[0].submit(Array("end\n".utf8))
        writers[1].submit(Array("end\n".utf8))
        var text = pipe.text(until: "end\n")
        if text.components(separatedBy: "end\n").count < 3 { text += pipe.text(until: "end\n") }
        let lines = text.split(separator: "\n").filter { $0 != "end" }
        #expect(lines.count == 2 * count)
        #expect(lines.allSatisfy { Set($0).count == 1 })
    }
}

extension String {
    fileprivate subscript(index: Int) -> Character { self[self.index(startIndex, offsetBy: index)] }
}
