// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import SpanQueue
import Subprocess

/// Runs ImageMagick.
struct ImageConverter: Sendable {
    let program: String

    /// Writes the copy under a name of this attempt and then renames it: whoever looks sees no file, or a whole one, also when
    /// two attempts run at once.
    ///
    /// - Returns: the size of the copy in bytes.
    /// - Throws: `JobError.permanent` where another attempt would end alike; when the task is cancelled the program is
    ///   terminated first.
    func makeThumbnail(_ job: MakeThumbnail, _ context: JobContext) async throws -> Int {
        // An absolute path can be taken neither for an option nor for one of ImageMagick's formats.
        guard job.source.hasPrefix("/"), job.target.hasPrefix("/"), (1...4096).contains(job.size) else {
            throw JobError.permanent("the paths must be absolute, and the size 1 to 4096")
        }
        guard FileManager.default.isReadableFile(atPath: job.source) else {
            throw JobError.permanent("\(job.source) can't be read")
        }
        let target = URL(fileURLWithPath: job.target)
        let draft = target.deletingLastPathComponent()
            .appendingPathComponent(".\(context.id)-\(context.token)-\(target.lastPathComponent)")
        try FileManager.default.createDirectory(
            at: target.deletingLastPathComponent(), withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: draft) }

        var options = PlatformOptions()
        // A session of its own: Ctrl-C on the worker's terminal is for the worker, which lets the program finish.
        options.createSession = true
        options.teardownSequence = [.gracefulShutDown(toProcessGroup: true, allowedDurationToNextStep: .seconds(2))]
        let outcome = try await run(
            program.contains("/") ? .path(.init(program)) : .name(program),
            arguments: [
                "\(job.source)[0]", "-auto-orient", "-thumbnail", "\(job.size)x\(job.size)>", draft.path,
            ],
            platformOptions: options, output: .discarded, error: .string(limit: 64 << 10))
        // Where the attempt was cancelled, how the program ended says nothing.
        try Task.checkCancellation()
        guard outcome.terminationStatus.isSuccess else {
            throw ConversionError(status: "\(outcome.terminationStatus)", text: outcome.standardError)
        }
        guard rename(draft.path, target.path) == 0 else {
            throw ConversionError(status: "can't rename", text: String(cString: strerror(errno)))
        }
        return try FileManager.default.attributesOfItem(atPath: target.path)[.size] as? Int ?? 0
    }
}

struct ConversionError: Error, CustomStringConvertible {
    let status: String
    let text: String

    var description: String { "\(status): \(text.trimmingCharacters(in: .whitespacesAndNewlines))" }
}
