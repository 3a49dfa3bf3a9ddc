// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
package import SpanQueue

/// The time of day of a redis-server that runs with the clock shim preloaded. It stands still until it is set.
///
/// `@unchecked Sendable`: the driver that owns it makes one call at a time, and Redis only reads.
package final class ServerTime: @unchecked Sendable {
    /// Where every run begins: early in 2027.
    package static let start = Timestamp(milliseconds: 1_800_000_000_000)

    /// What a redis-server needs in its environment.
    package let environment: [String: String]
    private let micros: UnsafeMutablePointer<Int64>
    private let directory: String

    /// Builds the shim with the C compiler at hand.
    package init() throws {
        directory = NSTemporaryDirectory() + "/spanq-clock-" + UUID().uuidString.prefix(13)
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        let source = directory + "/clock_shim.c"
        let library = directory + "/clock_shim.so"
        let clock = directory + "/clock"
        try Data(PackageResources.clock_shim_c).write(to: URL(fileURLWithPath: source))
        try Data(count: 8).write(to: URL(fileURLWithPath: clock))
        try Self.compile(source, to: library)
        let file = open(clock, O_RDWR)
        guard file >= 0, let shared = mmap(nil, 8, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0), shared != MAP_FAILED
        else { throw Violation("cannot map \(clock)") }
        close(file)
        micros = shared.bindMemory(to: Int64.self, capacity: 1)
        environment = ["LD_PRELOAD": library, "SPANQ_TEST_CLOCK": clock]
        // An initialiser does not run the observer.
        micros.pointee = Self.start.milliseconds * 1000
    }

    deinit {
        munmap(micros, 8)
        try? FileManager.default.removeItem(atPath: directory)
    }

    /// To the millisecond.
    package var now = start {
        didSet { micros.pointee = now.milliseconds * 1000 }
    }

    /// Lets the clock go on with the machine's, so far ahead of it; behind where it is negative.
    package func goOn(ahead: Duration) {
        micros.pointee = Int64(ahead / .microseconds(1))
    }

    private static func compile(_ source: String, to library: String) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["cc", "-shared", "-fPIC", "-O1", "-o", library, source]
        do {
            try process.run()
        } catch {
            throw Violation("cannot run cc: install a C compiler (\(error))")
        }
        process.waitUntilExit()
        try require(process.terminationStatus == 0, "cc cannot build the clock shim: install a C compiler")
    }
}
