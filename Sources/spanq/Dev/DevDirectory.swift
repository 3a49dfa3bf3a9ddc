import Foundation
import HiredisClient

/// Where the private Redis of `spanq dev` keeps its file, its socket and its log.
struct DevDirectory: Sendable {
    let path: String
    let socketPath: String
    /// Made for this run, and removed at its end.
    let isTemporary: Bool

    var logPath: String { path + "/redis.log" }

    /// For `--redis`.
    var url: String {
        "unix://" + (socketPath.addingPercentEncoding(withAllowedCharacters: .urlPathAllowed) ?? socketPath)
    }

    /// - Parameters:
    ///   - given: a directory to keep; it is made where it is missing. Nil makes a fresh one for this run.
    ///   - socket: where the socket goes; nil for the directory.
    init(_ given: String?, socket: String?) throws(CommandFailure) {
        let manager = FileManager.default
        if let given {
            path = Self.absolute(given)
            isTemporary = false
            do {
                try manager.createDirectory(
                    atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
            } catch {
                throw .usage("the directory \(path) can't be made: give --dir a place that you may write to")
            }
        } else {
            var template = Array((NSTemporaryDirectory() + "/spanq-dev.XXXXXX").utf8CString)
            guard let made = mkdtemp(&template) else {
                throw .failed("no temporary directory can be made: give one with --dir")
            }
            path = Self.absolute(String(cString: made))
            isTemporary = true
        }
        socketPath = socket.map(Self.absolute) ?? path + "/redis.sock"
        guard socketPath.utf8.count <= RedisURL.longestSocketPath else {
            removeIfTemporary()
            throw .usage(
                "the socket's path \(socketPath) is longer than \(RedisURL.longestSocketPath) bytes: give a shorter one with --redis-socket"
            )
        }
    }

    /// The last thing the server said, for an error.
    var lastLogLine: String {
        let log = (try? String(contentsOfFile: logPath, encoding: .utf8)) ?? ""
        guard let line = log.split(whereSeparator: \.isNewline).last(where: { !$0.hasSuffix("bye bye...") }) else {
            return "it said nothing: may the directory be written to?"
        }
        return String(line)
    }

    func removeIfTemporary() {
        if isTemporary { try? FileManager.default.removeItem(atPath: path) }
    }

    private static func absolute(_ path: String) -> String {
        URL(fileURLWithPath: path).standardizedFileURL.path(percentEncoded: false)
            .replacing(/(.)\/$/) { String($0.1) }
    }
}
