// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

internal import NIOCore
internal import Synchronization

/// The connections there are, what each waits for, and which have to go. It does no I/O: its methods return the ids to close.
struct ConnectionTable: Sendable {
    private struct Entry {
        /// The order of what happened last: lower means that it has waited longer.
        var since: UInt64
        var isAnswering = false
        /// Whether it is sent what happens, for as long as it reads.
        var isStream = false
        var pendingBytes = 0
    }

    private let maximumConnections: Int
    private let maximumPendingBytes: Int
    private var entries: [UInt64: Entry] = [:]
    private var clock: UInt64 = 0
    private(set) var pendingBytes = 0
    private(set) var isClosing = false

    init(maximumConnections: Int, maximumPendingBytes: Int) {
        self.maximumConnections = maximumConnections
        self.maximumPendingBytes = maximumPendingBytes
    }

    var count: Int { entries.count }

    /// A connection was accepted; returns those that make room for it.
    mutating func open(_ id: UInt64) -> [UInt64] {
        if isClosing { return [id] }
        entries[id] = Entry(since: tick())
        var victims: [UInt64] = []
        while entries.count > maximumConnections, let victim = victim(besides: id) {
            victims.append(victim)
            close(victim)
        }
        return victims
    }

    /// A request came.
    mutating func begin(_ id: UInt64) {
        guard var entry = entries[id], !entry.isAnswering else { return }
        entry.isAnswering = true
        entry.since = tick()
        entries[id] = entry
    }

    /// Its answer goes on until it ends: those who read one are few, counted elsewhere, and make no room for others.
    mutating func beginStream(_ id: UInt64) {
        begin(id)
        entries[id]?.isStream = true
    }

    /// Bytes of an answer wait for its reader; returns those whose bytes have to make room. One answer alone may be larger than
    /// all may be together.
    mutating func add(_ bytes: Int, to id: UInt64) -> [UInt64] {
        guard entries[id] != nil else { return [] }
        entries[id]?.pendingBytes += bytes
        pendingBytes += bytes
        var victims: [UInt64] = []
        while pendingBytes > maximumPendingBytes,
            let victim = entries.filter({ $0.key != id && $0.value.pendingBytes > 0 }).min(by: Self.waitsLonger)?.key
        {
            victims.append(victim)
            close(victim)
        }
        return victims
    }

    /// The kernel has all bytes of an answer; `isLast` where no other request waits. Returns whether to close.
    mutating func finish(_ id: UInt64, bytes: Int, isLast: Bool) -> Bool {
        guard var entry = entries[id] else { return false }
        let written = min(bytes, entry.pendingBytes)
        pendingBytes -= written
        entry.pendingBytes -= written
        entry.isAnswering = !isLast
        entry.isStream = false
        entry.since = tick()
        entries[id] = entry
        return isClosing && isLast
    }

    /// The connection is gone, or is to go.
    mutating func close(_ id: UInt64) {
        if let entry = entries.removeValue(forKey: id) { pendingBytes -= entry.pendingBytes }
    }

    /// No more connections are wanted; returns those that wait for a request.
    mutating func beginClosing() -> [UInt64] {
        isClosing = true
        return entries.filter { !$0.value.isAnswering }.map(\.key)
    }

    /// All that are left.
    var ids: [UInt64] { Array(entries.keys) }

    /// Those that wait for a request go first, then those whose reader is slowest.
    private func victim(besides id: UInt64) -> UInt64? {
        let others = entries.filter { $0.key != id && !$0.value.isStream }
        let waiting = others.filter { !$0.value.isAnswering }
        return (waiting.isEmpty ? others : waiting).min(by: Self.waitsLonger)?.key
    }

    private static func waitsLonger(_ left: (key: UInt64, value: Entry), _ right: (key: UInt64, value: Entry)) -> Bool {
        left.value.since < right.value.since
    }

    private mutating func tick() -> UInt64 {
        clock += 1
        return clock
    }
}

/// What a client may cost.
///
/// All times are of the whole, not of the pause between two bytes: a client that sends or reads a byte a second gains
/// nothing by it.
package struct ConnectionLimits: Sendable {
    /// How long a new connection has until its first request is there; 10 seconds unless set.
    package var requestTimeout = Duration.seconds(10)
    /// How long an answer may take, from the request until the kernel has its last byte; 30 seconds unless set.
    package var answerTimeout = Duration.seconds(30)
    /// How long a connection may wait for its next request; 75 seconds unless set, longer than the usual scrape interval.
    package var idleTimeout = Duration.seconds(75)
    /// The most connections. One more closes the one that has waited longest, so that those who do nothing keep nobody out;
    /// 128 unless set.
    package var maximumConnections = 128
    /// The most bytes of answers that wait for their readers. Past that the one that has read longest is closed; 32 MiB
    /// unless set.
    package var maximumPendingBytes = 32 << 20
    /// How long a reader of a stream may leave unread what was sent; 10 seconds unless set.
    package var streamTimeout = Duration.seconds(10)
    /// How long a stop waits for answers under way; one second unless set.
    package var closingTimeout = Duration.seconds(1)

    /// The limits above.
    package init() {}
}

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

    func beginStream(_ id: UInt64) {
        state.withLock { $0.table.beginStream(id) }
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
