internal import NIOCore
internal import Synchronization

/// The open connections of a server, from any thread.
final class Connections: Sendable {
    fileprivate struct State {
        var table: ConnectionTable
        var channels: [UInt64: any Channel] = [:]
        var lastID: UInt64 = 0
    }

    let limits: ConnectionLimits
    // Taken a few times a request, for microseconds.
    private let state: Mutex<State>

    init(_ limits: ConnectionLimits) {
        self.limits = limits
        state = Mutex(
            State(
                table: ConnectionTable(
                    maximumConnections: limits.maximumConnections, maximumPendingBytes: limits.maximumPendingBytes)))
    }

    var count: Int { state.withLock { $0.table.count } }

    /// Makes a connection known, and closes those that make room for it.
    func open(_ channel: any Channel) -> UInt64 {
        let (id, victims) = state.withLock { state in
            state.lastID += 1
            state.channels[state.lastID] = channel
            return (state.lastID, state.take(state.table.open(state.lastID)))
        }
        close(victims)
        return id
    }

    func begin(_ id: UInt64) {
        state.withLock { $0.table.begin(id) }
    }

    func add(_ bytes: Int, to id: UInt64) {
        close(state.withLock { $0.take($0.table.add(bytes, to: id)) })
    }

    /// Says that an answer is out; returns whether the connection is to be closed.
    func finish(_ id: UInt64, bytes: Int, isLast: Bool) -> Bool {
        state.withLock { $0.table.finish(id, bytes: bytes, isLast: isLast) }
    }

    func forget(_ id: UInt64) {
        state.withLock { state in
            state.table.close(id)
            state.channels[id] = nil
        }
    }

    /// Closes those that wait for a request now, and the others after their answer.
    func beginClosing() {
        close(state.withLock { $0.take($0.table.beginClosing()) })
    }

    /// Closes all.
    func closeAll() {
        close(state.withLock { $0.take($0.table.ids) })
    }

    private func close(_ channels: [any Channel]) {
        for channel in channels { channel.close(promise: nil) }
    }
}

extension Connections.State {
    fileprivate mutating func take(_ ids: [UInt64]) -> [any Channel] {
        ids.compactMap { id in
            table.close(id)
            return channels.removeValue(forKey: id)
        }
    }
}
