import Foundation
import Testing

@testable import SpanQueueTelemetry

@Suite("gzip")
struct GzipTests {
    @Test("gunzip gives back what was compressed", arguments: [0, 1, 1_000, 3_000_000])
    func roundTrip(size: Int) throws {
        let bytes = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* $0 / 7) }
        let compressed = try #require(Gzip.compress(bytes))
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("page-\(UUID().uuidString).gz")
        defer { try? FileManager.default.removeItem(at: file) }
        try Data(compressed).write(to: file)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/gzip")
        process.arguments = ["-dc", file.path]
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let restored = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        #expect(Array(restored) == bytes)
    }
}
