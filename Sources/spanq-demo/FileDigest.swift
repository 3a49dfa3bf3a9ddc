import CSpanQueueZlib
import Foundation
import SpanQueue

/// The demo's real work: the SHA-256 of a file and how small it gets.
struct FileDigest: Job {
    static let jobType = "file:digest"
    static let options: [EnqueueOption] = [.queue("files"), .maxRetries(5), .timeout(.seconds(60))]

    /// An absolute path.
    var path: String

    /// What the handler leaves as the job's result.
    struct Result: Codable, Sendable {
        var sha256: String
        var bytes: Int
        var compressedBytes: Int
    }

    func run() throws -> Result {
        let contents: Data
        do {
            contents = try Data(contentsOf: URL(fileURLWithPath: path))
        } catch {
            throw JobError.permanent("\(path) can't be read")
        }
        let digest = Digest.sha256([UInt8](contents)).map { byte in
            let digits = String(byte, radix: 16)
            return digits.count == 1 ? "0" + digits : digits
        }
        return Result(
            sha256: digest.joined(), bytes: contents.count, compressedBytes: Self.compressedSize(of: contents))
    }

    private static func compressedSize(of contents: Data) -> Int {
        var size = compressBound(uLong(contents.count))
        var output = [UInt8](repeating: 0, count: Int(size))
        contents.withUnsafeBytes { input in
            _ = compress(&output, &size, input.bindMemory(to: UInt8.self).baseAddress, uLong(contents.count))
        }
        return Int(size)
    }
}

/// A job that kills the process that runs it.
struct PoisonPill: Job {
    static let jobType = "demo:poison"
    static let options: [EnqueueOption] = [.queue("poison")]
}
