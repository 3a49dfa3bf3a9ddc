import Foundation
import SpanQueue

/// Where one job's payload comes from.
struct PayloadSource {
    let argument: String?
    /// The argument where it is not UTF-8.
    var bytes: [UInt8]?
    let file: String?

    /// A payload of nothing is an empty object, which every handler of a Swift type can decode.
    private static let standard = Array("{}".utf8)

    func read(checkJSON: Bool) throws(CommandFailure) -> [UInt8] {
        let bytes: [UInt8]
        switch (argument, file) {
        case _ where self.bytes != nil: bytes = self.bytes ?? []
        case (nil, nil): bytes = Self.standard
        case ("-", _), (_, "-"): bytes = try Self.read(.standardInput, name: "stdin")
        case (_, let file?):
            guard let handle = FileHandle(forReadingAtPath: file) else {
                throw .usage("the file \(file) can't be read: check the path and its permissions")
            }
            bytes = try Self.read(handle, name: file)
        case (let argument?, nil): bytes = Array(argument.utf8)
        }
        if checkJSON { try Self.check(bytes) }
        return bytes
    }

    /// Refuses bytes that are not JSON.
    static func check(_ bytes: [UInt8]) throws(CommandFailure) {
        do throws(StrictJSON.Problem) {
            try StrictJSON.check(bytes)
        } catch {
            throw .usage("the payload is not JSON: \(error): fix it, or leave out --check-json")
        }
    }

    /// No more than is needed to see that it is too much.
    private static func read(_ handle: FileHandle, name: String) throws(CommandFailure) -> [UInt8] {
        let limit = Limits().payloadBytes + 1
        var bytes: [UInt8] = []
        do {
            while bytes.count < limit, let chunk = try handle.read(upToCount: limit - bytes.count), !chunk.isEmpty {
                bytes += chunk
            }
        } catch {
            throw .usage("\(name) can't be read: is it a file?")
        }
        guard bytes.count < limit else {
            throw .usage(
                "\(name) has more than \(limit - 1) bytes, the most a payload may have: store it elsewhere and enqueue a reference to it"
            )
        }
        return bytes
    }
}
