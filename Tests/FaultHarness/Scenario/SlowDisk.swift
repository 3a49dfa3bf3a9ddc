// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation

/// A disk that takes a second to sync, played: a library that is preloaded into what is started meanwhile.
enum SlowDisk {
    /// - Throws: `Unmet` where there is no C compiler; Swift's toolchain has one.
    static func with<Result>(_ body: () async throws -> Result) async throws -> Result {
        let library = NSTemporaryDirectory() + "/slow-fsync-\(UUID().uuidString.prefix(8)).so"
        let source = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../../Support/slow_fsync.c").standardizedFileURL.path
        let compiler = Process()
        compiler.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        compiler.arguments = ["clang", "-shared", "-fPIC", "-o", library, source]
        try compiler.run()
        compiler.waitUntilExit()
        guard compiler.terminationStatus == 0 else { throw Unmet("clang could not compile \(source)") }
        defer { try? FileManager.default.removeItem(atPath: library) }
        setenv("LD_PRELOAD", library, 1)
        defer { unsetenv("LD_PRELOAD") }
        return try await body()
    }
}
