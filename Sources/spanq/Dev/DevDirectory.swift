// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import SpanQueueCommand

/// Where the private server of `spanq dev` keeps its data and its log.
struct DevDirectory: Sendable {
    let path: String
    /// Made for this run, and removed at its end.
    let isTemporary: Bool
    private let engine: DevEngine

    var logPath: String { "\(path)/\(engine.rawValue).log" }

    /// - Parameter given: a directory to keep; it is made where it is missing. Nil makes a fresh one for this run.
    init(_ given: String?, for engine: DevEngine) throws(CommandFailure) {
        self.engine = engine
        let mode = engine.directoryMode
        let manager = FileManager.default
        if let given {
            path = Self.absolute(given)
            isTemporary = false
            do {
                try manager.createDirectory(
                    atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: mode])
            } catch {
                throw .usage("the directory \(path) can't be made: give --dir a place that you may write to")
            }
        } else {
            var template = Array((engine.temporaryRoot + "/spanq-dev.XXXXXX").utf8CString)
            guard let made = mkdtemp(&template) else {
                throw .failed("no temporary directory can be made: give one with --dir")
            }
            path = Self.absolute(String(cString: made))
            isTemporary = true
            chmod(path, mode_t(mode))
        }
    }

    func removeIfTemporary() {
        if isTemporary { try? FileManager.default.removeItem(atPath: path) }
    }

    static func absolute(_ path: String) -> String {
        URL(fileURLWithPath: path).standardizedFileURL.path(percentEncoded: false)
            .replacing(/(.)\/$/) { String($0.1) }
    }
}

extension DevEngine {
    /// Ours alone; but a Postgres that root runs as nobody must be let through to its own directory, without looking around.
    fileprivate var directoryMode: Int { runsAsNobody ? 0o711 : 0o700 }

    /// The one of the system, or of `TMPDIR` unless nobody can reach that.
    fileprivate var temporaryRoot: String {
        let given = NSTemporaryDirectory()
        return runsAsNobody && !Self.isOpen(given) ? "/tmp" : given
    }

    private var runsAsNobody: Bool { self == .postgres && geteuid() == 0 }

    /// Whether everybody may go through a directory, and through those that it is in.
    private static func isOpen(_ path: String) -> Bool {
        var place = URL(fileURLWithPath: path).resolvingSymlinksInPath()
        while true {
            var entry = stat()
            guard stat(place.path(percentEncoded: false), &entry) == 0, entry.st_mode & 0o001 != 0 else { return false }
            guard place.pathComponents.count > 1 else { return true }
            place = place.deletingLastPathComponent()
        }
    }
}

/// Finds programs as a shell does.
enum Executable {
    static func find(_ name: String) -> String? {
        let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
        return path.split(separator: ":").map { "\($0)/\(name)" }
            .first { FileManager.default.isExecutableFile(atPath: $0) }
    }
}
