// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import Testing

@Suite("The units for systemd")
struct UnitFileTests {
    private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("../../../deploy/systemd").standardizedFileURL

    private static let analyzer = "/usr/bin/systemd-analyze"

    @Test(
        "pass systemd-analyze verify", .enabled(if: FileManager.default.isExecutableFile(atPath: analyzer)),
        arguments: ["spanq-worker.service", "spanq-worker@.service"])
    func verify(name: String) throws {
        let text = try String(contentsOf: Self.folder.appendingPathComponent(name), encoding: .utf8)
        let copy = FileManager.default.temporaryDirectory.appendingPathComponent("units-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: copy, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: copy) }
        let file = copy.appendingPathComponent(name.replacing("@", with: "@9464"))
        // The program is not installed here.
        try text.replacing("/usr/local/bin/spanq", with: "/bin/true").write(to: file, atomically: true, encoding: .utf8)
        let process = Process()
        let pipe = Pipe()
        process.executableURL = URL(fileURLWithPath: Self.analyzer)
        process.arguments = ["verify", "--man=no", file.path]
        process.standardError = pipe
        process.standardOutput = pipe
        try process.run()
        let said = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        // It also looks at units of the machine that ours have to do with.
        #expect(!said.contains(file.lastPathComponent), "\(said)")
        #expect(process.terminationStatus == 0, "\(said)")
    }

    @Test(
        "stop a worker alone, and give it longer than its drain",
        arguments: ["spanq-worker.service", "spanq-worker@.service"])
    func stop(name: String) throws {
        let text = try String(contentsOf: Self.folder.appendingPathComponent(name), encoding: .utf8)
        let lines = text.split(separator: "\n")
        #expect(lines.contains("KillMode=mixed") && lines.contains("Restart=always"))
        let stop = lines.first { $0.hasPrefix("TimeoutStopSec=") }.flatMap { Int($0.dropFirst(15)) }
        // The default drain, its six seconds, and the grace of programs.
        #expect(stop.map { $0 > 25 + 6 + 5 } == true)
    }
}
