import Foundation
import SpanQueue

/// Tells by a command's bytes which of the engine's scripts it calls.
struct ScriptNames: Sendable {
    private let names: [String: String]

    /// Reads the scripts of this checkout.
    init() throws {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../../../Sources/SpanQueueRedis/Scripts").standardizedFileURL
        var names: [String: String] = [:]
        for file in try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
        where file.pathExtension == "lua" {
            let digest = Digest.sha1([UInt8](try Data(contentsOf: file)))
                .map { String(format: "%02x", $0) }.joined()
            names[digest] = file.deletingPathExtension().lastPathComponent
        }
        guard !names.isEmpty else { throw Unmet("no scripts in \(folder.path)") }
        self.names = names
    }

    var all: [String] { names.values.sorted() }

    /// `settle` for a call of `settle.lua`, else the command's name in upper case.
    func name(of words: [ArraySlice<UInt8>]) -> String {
        let command = words.first.map { String(decoding: $0, as: UTF8.self).uppercased() } ?? ""
        guard words.count == 2 else { return command }
        switch command {
        case "EVALSHA": return names[String(decoding: words[1], as: UTF8.self)] ?? command
        case "EVAL":
            let digest = Digest.sha1(Array(words[1])).map { String(format: "%02x", $0) }.joined()
            return names[digest] ?? command
        default: return command
        }
    }
}
