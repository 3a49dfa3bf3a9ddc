// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

private import CSpanQueuePostgres
private import DequeModule

/// A connection in pipeline mode, on the loop's thread: calls go out without waiting for answers, each with a Sync of its own, so that
/// each is one transaction, and an error spoils nothing behind it. It does not know whose the calls are.
///
/// A statement that comes again is prepared, if the server's process that runs our calls is the one that we are connected to. Behind a
/// pooler it is not: another process might not know the statement. So the first call asks for the process that runs it.
final class Pipeline {
    enum Event {
        /// What the oldest open call gave. Its end is told by ``done``.
        case rows(PostgresRows)
        case failed(PostgresError)
        /// The oldest open call is over.
        case done
        case notified(payload: String)
    }

    let descriptor: Int32
    private let connection: OpaquePointer
    private var isClosed = false
    /// What the open calls have in front of their own results, the oldest call first; nil where there is nothing.
    private var fronts = Deque<Front?>()
    private var mode = Mode.unknown
    private var statements: [Text: Statement] = [:]
    private var named = 0
    private static let mostStatements = 200
    /// Whether libpq holds bytes that the socket did not take.
    private(set) var hasUnsent = false
    private var open: Int { fronts.count }

    private enum Mode {
        case unknown
        /// Each call is sent with its text.
        case plain
        case prepares
    }

    /// A statement, and the types of its parameters.
    private struct Text: Hashable {
        let text: String
        let types: [UInt32]

        init(_ call: PostgresCall) {
            text = call.statement
            types = call.parameters.map(\.type)
        }
    }

    private enum Statement {
        case seen
        /// Its answer is still to come.
        case asked
        case prepared(name: String)
    }

    private enum Front {
        /// The server's process.
        case process
        case statement(Text, name: String)
    }

    init(_ fresh: FreshConnection) throws(PostgresError) {
        connection = fresh.pointer
        descriptor = PQsocket(connection)
        guard descriptor >= 0, PQsetnonblocking(connection, 1) == 0, PQenterPipelineMode(connection) == 1 else {
            defer { PQfinish(connection) }
            isClosed = true
            throw Self.lost(connection)
        }
    }

    /// The server's process for this connection.
    var backend: Int32 { PQbackendPID(connection) }

    /// Hands a call to libpq, which sends what it can.
    func send(_ call: PostgresCall) throws(PostgresError) {
        // One buffer with all values, so that one pointer is enough to find them.
        var bytes: [UInt8] = []
        bytes.reserveCapacity(call.size)
        var places: [Int?] = []
        for parameter in call.parameters {
            places.append(parameter.bytes == nil ? nil : bytes.count)
            bytes.append(contentsOf: parameter.bytes ?? [])
            // An empty value is not NULL: its pointer must lead somewhere.
            bytes.append(0)
        }
        let lengths = call.parameters.map { Int32($0.bytes?.count ?? 0) }
        let types = call.parameters.map { Oid($0.type) }
        let formats = [Int32](repeating: 1, count: call.parameters.count)
        let front = self.front(of: call)
        var name: String?
        switch front {
        case .process?:
            let question = "SELECT pg_backend_pid()"
            guard PQsendQueryParams(connection, question, 0, nil, nil, nil, nil, 1) == 1 else {
                throw Self.lost(connection)
            }
        case .statement(_, let fresh)?:
            guard PQsendPrepare(connection, fresh, call.statement, Int32(types.count), types) == 1 else {
                throw Self.lost(connection)
            }
            name = fresh
        case nil:
            if mode == .prepares, case .prepared(let known)? = statements[Text(call)] { name = known }
        }
        let isSent = bytes.withUnsafeBytes { buffer in
            let values = places.map { place in
                place.flatMap { buffer.baseAddress?.advanced(by: $0).assumingMemoryBound(to: CChar.self) }
            }
            let count = Int32(values.count)
            guard let name else {
                return PQsendQueryParams(connection, call.statement, count, types, values, lengths, formats, 1)
            }
            return PQsendQueryPrepared(connection, name, count, values, lengths, formats, 1)
        }
        guard isSent == 1, PQpipelineSync(connection) == 1 else { throw Self.lost(connection) }
        fronts.append(front)
    }

    /// What goes in front of a call. One that comes for the second time is prepared, as long as there are not too many.
    private func front(of call: PostgresCall) -> Front? {
        switch mode {
        case .plain: return nil
        case .unknown:
            mode = .plain
            return .process
        case .prepares:
            let text = Text(call)
            switch statements[text] {
            case .asked?, .prepared?: return nil
            case .seen?:
                statements[text] = .asked
                named += 1
                return .statement(text, name: "spanq_\(named)")
            case nil:
                if statements.count < Self.mostStatements { statements[text] = .seen }
                return nil
            }
        }
    }

    /// Takes the result of what stands in front of the oldest call. It failed: so did the call, with the same words.
    private func take(_ result: OpaquePointer, of front: Front) -> Event? {
        fronts[0] = nil
        switch (front, PQresultStatus(result)) {
        case (.process, PGRES_TUPLES_OK):
            if (try? Self.rows(of: result).integer(0, 0)) == Int64(backend) { mode = .prepares }
        case (.statement(let text, let name), PGRES_COMMAND_OK):
            if mode == .prepares { statements[text] = .prepared(name: name) }
        default:
            if case .statement(let text, _) = front { statements[text] = .seen }
            return .failed(Self.error(of: result))
        }
        return nil
    }

    /// Sends what libpq holds.
    func flush() throws(PostgresError) {
        switch PQflush(connection) {
        case 0: hasUnsent = false
        case 1: hasUnsent = true
        default: throw Self.lost(connection)
        }
    }

    /// Reads what the socket has.
    func read() throws(PostgresError) {
        guard PQconsumeInput(connection) == 1 else { throw Self.lost(connection) }
    }

    /// The next event of what was read; nil where more has to be read first.
    func next() throws(PostgresError) -> Event? {
        var nulls = 0
        while open > 0, PQisBusy(connection) == 0 {
            // Null ends the results of a call, whose Sync is still to come.
            guard let result = PQgetResult(connection) else {
                nulls += 1
                guard PQstatus(connection) == CONNECTION_OK, nulls < 3 else { throw Self.lost(connection) }
                continue
            }
            defer { PQclear(result) }
            if PQresultStatus(result) != PGRES_PIPELINE_SYNC, let front = fronts[0] {
                if let event = take(result, of: front) { return event }
                nulls = 0
                continue
            }
            switch PQresultStatus(result) {
            case PGRES_PIPELINE_SYNC:
                fronts.removeFirst()
                return .done
            case PGRES_TUPLES_OK, PGRES_COMMAND_OK: return .rows(Self.rows(of: result))
            case PGRES_PIPELINE_ABORTED: continue
            default: return .failed(failure(result))
            }
        }
        if let notification = PQnotifies(connection) {
            defer { PQfreemem(notification) }
            return .notified(payload: String(cString: notification.pointee.extra))
        }
        guard PQstatus(connection) == CONNECTION_OK else { throw Self.lost(connection) }
        return nil
    }

    func close() {
        guard !isClosed else { return }
        isClosed = true
        PQfinish(connection)
    }

    deinit { close() }

    private static func rows(of result: OpaquePointer) -> PostgresRows {
        let count = Int(PQntuples(result))
        let columns = Int(PQnfields(result))
        var bytes: [UInt8] = []
        var fields: [(start: Int, length: Int)] = []
        fields.reserveCapacity(count * columns)
        for row in 0..<Int32(count) {
            for column in 0..<Int32(columns) {
                guard PQgetisnull(result, row, column) == 0, let value = PQgetvalue(result, row, column) else {
                    fields.append((bytes.count, -1))
                    continue
                }
                let length = Int(PQgetlength(result, row, column))
                fields.append((bytes.count, length))
                bytes.append(contentsOf: UnsafeRawBufferPointer(start: value, count: length))
            }
        }
        return PostgresRows(count: count, columns: columns, bytes: bytes, fields: fields)
    }

    /// Why a call failed. A session that has forgotten our statements (`DISCARD`), or is not ours in spite of all, has done nothing: the call
    /// is made again, and no more statements are prepared.
    private func failure(_ result: OpaquePointer) -> PostgresError {
        guard spanqueue_sqlstate(result).map({ String(cString: $0) }) == "26000" else { return Self.error(of: result) }
        mode = .plain
        statements = [:]
        return PostgresError(.conflict, "a prepared statement is not there any more")
    }

    private static func error(of result: OpaquePointer) -> PostgresError {
        let text = spanqueue_primary_message(result).map { String(cString: $0) } ?? ""
        guard let state = spanqueue_sqlstate(result) else {
            // libpq's own words: the connection is gone.
            return lost(text.isEmpty ? String(cString: PQresultErrorMessage(result)) : text)
        }
        return PostgresError(sqlState: String(cString: state), text: text)
    }

    private static func lost(_ connection: OpaquePointer) -> PostgresError {
        lost(String(cString: PQerrorMessage(connection)))
    }

    private static func lost(_ text: String) -> PostgresError {
        let line = text.split(whereSeparator: \.isNewline).joined(separator: "; ")
        return PostgresError(
            .connectionLost, line.isEmpty ? "the server closed the connection" : line, mayHaveRun: true)
    }
}
