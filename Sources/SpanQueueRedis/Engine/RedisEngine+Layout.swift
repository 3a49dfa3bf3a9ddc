// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import HiredisClient
package import Logging
package import SpanQueue
import Synchronization

/// The version of the layout, and the upgrade from the one before.
///
/// Layout 2 is layout 1 with another registry: the keys that are no queue's have the tag `{@}`. So an upgrade copies the list of
/// queues, and moves no job. Programs of layout 1 that are running go on, in the queues that they share with later ones; they are
/// refused when they start again. Until `spanq layout finish` the old registry stays, and is read beside the new one.
extension RedisEngine {
    /// The version of the layout that this program reads and writes.
    static let layoutVersion = 2
    /// The most names in one command.
    private static let namesAtOnce = 1000

    /// Checks the version of the layout, and upgrades an older one. May be repeated, and done by several at once.
    ///
    /// - Throws: `.unsupported` for a newer layout.
    func upgradeLayout() async throws {
        // Read first: one that takes no writes now, since it is full, lacks replicas or can't save, must still be looked at and cleared;
        // the next start tries again.
        guard let found = try await send(RESPCommand("GET", RedisKeys.layout)).optionalBytes() else {
            return try await unlessRefused { try await self.setLayout("NX") }
        }
        let text = String(decoding: found, as: UTF8.self)
        guard let version = Int(text) else {
            throw SpanQueueError(
                .unsupported,
                "\(url) holds \(RedisKeys.layout) = \"\(text.prefix(20))\", which is not a version of a layout")
        }
        guard version <= Self.layoutVersion else {
            throw SpanQueueError(
                .unsupported,
                "\(url) holds layout \(version), and this program knows layouts up to \(Self.layoutVersion): upgrade SpanQueue"
            )
        }
        try await unlessRefused {
            try await self.copyOldRegistry()
            // Last, so that a crash before it begins again.
            if version < Self.layoutVersion { try await self.setLayout("XX") }
        }
    }

    private func setLayout(_ condition: String) async throws {
        try await writeOnce(RESPCommand("SET", RedisKeys.layout, "\(Self.layoutVersion)", condition))
    }

    /// Not sent again where Redis refuses it: the start would wait for that, and the next start tries again.
    private func writeOnce(_ command: RESPCommand) async throws {
        do {
            _ = try await client.send(command, idempotent: false, retried: false)
        } catch let error as RedisError {
            throw SpanQueueError(error)
        }
    }

    /// The registries are read together, so a Redis that refuses writes is not a reason to refuse to start.
    private func unlessRefused(_ writes: () async throws -> Void) async throws {
        do {
            try await writes()
        } catch let error as SpanQueueError where error.isRefusedWrite {
            logger.warning("the layout in Redis is not upgraded yet: \(error.message)")
        }
    }

    /// Lists in the new registry what programs of layout 1 have listed in the old one.
    ///
    /// - Returns: the names.
    @discardableResult
    func copyOldRegistry() async throws -> [String] {
        let names = try Self.names(try await send(RESPCommand("SMEMBERS", RedisKeys.Old.queues)))
        for some in names.slices(of: Self.namesAtOnce) { try await writeOnce(Self.listing(some)) }
        nextCopy.withLock { $0 = names.isEmpty ? nil : .now + Self.copyInterval }
        return names
    }

    /// How often sweeps copy the old registry, while there is one.
    private static let copyInterval = Duration.seconds(15)

    /// Copies the old registry again: programs of layout 1 that still run list new queues there. Costs nothing once it is gone.
    func copyOldRegistryIfDue() async {
        let isDue = nextCopy.withLock { next in
            guard let moment = next, moment <= .now else { return false }
            // One of several sweeps at a time.
            next = moment + Self.copyInterval
            return true
        }
        // Where it fails, reads have the names from both registries, and the next sweep copies them.
        if isDue { _ = try? await copyOldRegistry() }
    }

    // MARK: What `spanq layout` shows and does

    func layoutState() async throws -> LayoutState {
        let replies = try await all([
            RESPCommand("GET", RedisKeys.layout), RESPCommand("TYPE", RedisKeys.Old.queues),
            RESPCommand("TYPE", RedisKeys.Old.workers),
        ])
        let version = try replies[0].optionalBytes().map { String(decoding: $0, as: UTF8.self) } ?? ""
        return LayoutState(
            version: Int(version) ?? 0, queues: try await queues().count, oldWorkers: try await oldWorkers(),
            isFinished: try replies[1...2].allSatisfy { try $0.string() == "none" })
    }

    /// Removes the registry of layout 1.
    ///
    /// - Throws: `.invalidState` while a worker of layout 1 is alive.
    func finishUpgrade() async throws {
        let alive = try await oldWorkers()
        guard alive.isEmpty else {
            throw SpanQueueError(
                .invalidState,
                "\(alive.count) worker\(alive.count == 1 ? "" : "s") of an older SpanQueue still run\(alive.count == 1 ? "s" : ""), such as "
                    + "\(alive[0].id) on \(alive[0].host): upgrade \(alive.count == 1 ? "it" : "them") first")
        }
        // What is listed meanwhile stays, and is copied by the next sweep.
        for some in try await copyOldRegistry().slices(of: Self.namesAtOnce) {
            var command = RESPCommand("SREM", RedisKeys.Old.queues)
            for name in some { command.append(name) }
            _ = try await send(command)
        }
        _ = try await send(RESPCommand("DEL", RedisKeys.Old.workers))
    }

    private func oldWorkers() async throws -> [WorkerInfo] {
        try await workers(in: RedisKeys.Old.workers, key: RedisKeys.Old.worker)
    }
}

extension SpanQueueError {
    fileprivate var isRefusedWrite: Bool { (underlying as? RedisError)?.isRefusedWrite == true }
}

/// How far the upgrade of the layout in a Redis has come.
package struct LayoutState: Sendable {
    /// The version; 0 where there is none yet.
    package let version: Int
    /// The number of queues.
    package let queues: Int
    /// Live workers of layout 1.
    package let oldWorkers: [WorkerInfo]
    /// Whether nothing of layout 1 is left.
    package let isFinished: Bool
}

/// The layout in a Redis, for `spanq layout`.
package final class RedisLayout: Sendable {
    private let engine: RedisEngine

    /// Connects, and upgrades the layout where it is older than this program's.
    ///
    /// - Throws: `SpanQueueError`, such as `.unsupported` for a newer layout.
    package init(_ url: String, _ options: RedisEngineOptions, logger: Logger) async throws {
        engine = try await RedisEngine.started(url, options, scripts: .embedded, logger: logger)
    }

    /// How far the upgrade has come.
    package func state() async throws -> LayoutState { try await engine.layoutState() }

    /// Removes what layout 1 has left.
    ///
    /// - Throws: `.invalidState` while a worker of layout 1 is alive.
    package func finish() async throws { try await engine.finishUpgrade() }

    /// Lets go of the connection.
    package func shutdown() async { await engine.shutdown() }
}
