// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
package import Logging
package import SpanQueue
import Synchronization

/// The list of users, as its file has it now: what is taken out of it counts a second later, for those who are signed in too.
package final class UserFile: Sendable {
    /// What tells that a file is another one, or was written to.
    private struct Stamp: Equatable {
        let number: Int
        let size: Int
        let permissions: Int
        let writtenAt: Date
    }

    private struct State {
        var list: UserList
        var stamp: Stamp
        var nextLook: ContinuousClock.Instant
    }

    package let path: String
    private let logger: Logger
    private let state: Mutex<State>
    private static let largest = 1 << 20
    private static let interval = Duration.seconds(1)

    /// Reads it.
    ///
    /// - Throws: `.invalidArgument` for a file that can't be read, that others may read or write, or that has a line which is none.
    package init(path: String, logger: Logger) throws(SpanQueueError) {
        self.path = path
        self.logger = logger
        let (list, stamp) = try Self.read(path)
        state = Mutex(State(list: list, stamp: stamp, nextLook: .now + Self.interval))
    }

    /// The list. Where the file can't be used any more, the last one that could, and the log says so.
    package func current(now: ContinuousClock.Instant = .now) -> UserList {
        state.withLock { state in
            guard now >= state.nextLook else { return state.list }
            state.nextLook = now + Self.interval
            do throws(SpanQueueError) {
                guard try Self.stamp(path) != state.stamp else { return state.list }
                (state.list, state.stamp) = try Self.read(path)
                logger.notice("the users were read again", metadata: ["file": "\(path)"])
            } catch {
                logger.error("the users are those of before", metadata: ["error": "\(error.message)"])
            }
            return state.list
        }
    }

    /// Of the file that a path leads to: Kubernetes puts links to files into the folder of a Secret.
    private static func stamp(_ path: String) throws(SpanQueueError) -> Stamp {
        let target = URL(fileURLWithPath: path).resolvingSymlinksInPath().path
        guard let attributes = try? FileManager.default.attributesOfItem(atPath: target) else {
            throw unusable(path, "is not there, or can't be read")
        }
        guard attributes[.type] as? FileAttributeType == .typeRegular else { throw unusable(path, "is not a file") }
        func number(_ key: FileAttributeKey) -> Int { (attributes[key] as? NSNumber)?.intValue ?? .max }
        return Stamp(
            number: number(.systemFileNumber), size: number(.size), permissions: number(.posixPermissions),
            writtenAt: attributes[.modificationDate] as? Date ?? .distantPast)
    }

    private static func read(_ path: String) throws(SpanQueueError) -> (UserList, Stamp) {
        let stamp = try stamp(path)
        // Not who is in it is the secret, but whoever writes to it can let in whom they like; and a digest is nobody's business.
        guard stamp.permissions & 0o027 == 0 else {
            throw unusable(path, "may be read or written by others than its owner and group: chmod 640 \(path)")
        }
        guard stamp.size <= largest, let data = FileManager.default.contents(atPath: path),
            let text = String(validating: data, as: UTF8.self)
        else { throw unusable(path, "can't be read as a text of less than a MiB") }
        do throws(SpanQueueError) {
            return (try UserList(text), stamp)
        } catch {
            throw unusable(path, error.message)
        }
    }

    private static func unusable(_ path: String, _ problem: String) -> SpanQueueError {
        SpanQueueError(.invalidArgument, "the file of users \(path): \(problem)")
    }
}
