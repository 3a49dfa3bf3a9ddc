// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation

@testable import SpanQueuePostgres

/// A function of our schema, as the server knows it.
struct SQLFunction: Decodable, Sendable, CustomStringConvertible {
    let name: String
    let names: [String]
    let types: [String]
    let isDefiner: Bool
    let settings: [String]

    /// All of them, those of triggers apart: nobody can call these.
    static func all(in database: Database, schema: String? = nil) async throws -> [SQLFunction] {
        let text = try await database.sql(
            """
            SELECT json_agg(json_build_object(
              'name', p.proname, 'isDefiner', p.prosecdef, 'settings', coalesce(p.proconfig, '{}'),
              'names', ARRAY(SELECT coalesce(p.proargnames[a.place::int], '') FROM generate_series(1, p.pronargs) AS a (place)),
              'types', ARRAY(SELECT format_type(a.type, NULL) FROM unnest(p.proargtypes) WITH ORDINALITY AS a (type, place) ORDER BY place)
            ) ORDER BY p.proname, p.oid)
            FROM pg_proc p WHERE p.pronamespace = '\(schema ?? database.schema.name)'::regnamespace AND p.prorettype <> 'trigger'::regtype
            """)
        return try JSONDecoder().decode([SQLFunction].self, from: Data((text ?? "[]").utf8))
    }

    var description: String { "\(name)(\(types.joined(separator: ", ")))" }

    /// The places of arguments into which a text can be put.
    var textPlaces: [Int] {
        types.indices.filter { ["text", "text[]", "\"char\"", "jsonb", "jsonb[]"].contains(types[$0]) }
    }

    /// A call with arguments that mean something: a job `a` of a queue `q`, which a worker `w` has claimed.
    ///
    /// - Parameter place: of an argument that is `$1`.
    func call(in schema: String, text place: Int? = nil) -> String {
        let arguments = types.indices.map { index in
            index == place ? Self.parameter(types[index]) : standard(names[index], types[index])
        }
        return "SELECT * FROM \(schema).\(name)(\(arguments.joined(separator: ", ")))"
    }

    private static func parameter(_ type: String) -> String {
        switch type {
        case "text[]": "ARRAY[$1]"
        case "jsonb": "to_jsonb($1)"
        case "jsonb[]": "ARRAY[to_jsonb($1)]"
        case "text": "$1"
        default: "$1::\(type)"
        }
    }

    private func standard(_ argument: String, _ type: String) -> String {
        let plain = argument.hasPrefix("p_") ? String(argument.dropFirst(2)) : argument
        switch (plain, type) {
        // A queue that is paused as these are told.
        case ("queue", "text") where ["adopt_1", "drop_1"].contains(name): return "'paused'"
        case ("queue", "integer") where name == "paused_as": return "(SELECT max(j.queue) + 1 FROM probe.job j)"
        case ("queue", "text"), ("queue_name", _): return "'q'"
        case ("queue", "integer"): return "(SELECT min(j.queue) FROM probe.job j)"
        case ("nr", "bigint"): return "(SELECT min(j.nr) FROM probe.job j)"
        case ("queues", "text[]"): return "ARRAY['q']"
        // One that is there is taken by another content.
        case ("id", _): return name == "enqueue" ? "'new'" : "'a'"
        case ("ids", _): return "ARRAY['a']"
        case ("worker", _): return "'w'"
        case ("workers", _): return "ARRAY['w']"
        case ("action", _): return "'c'"
        case ("verdicts", _): return "ARRAY['b']"
        case ("state", "text"): return "'r'"
        case ("state", _): return "'r'::\"char\""
        case ("states", _): return "ARRAY['r']"
        case ("token", "bigint"), ("nonce", "bigint"): return "1"
        case ("types", "text[]"): return "ARRAY['t']"
        case ("messages", _): return "ARRAY[(SELECT j.message FROM probe.job j LIMIT 1)]"
        case ("message", _): return "(SELECT j.message FROM probe.job j LIMIT 1)"
        case ("run", "bytea"): return "'\\x01000000'::bytea"
        case ("runs", _): return "ARRAY['\\x01000000']::bytea[]"
        case ("bytes", "bytea") where name == "time_of": return "int8send(1800000000000)"
        case ("bytes", "bytea"): return "convert_to('1800000000000', 'UTF8')"
        case ("digest", _), ("lock", _): return "'\\x00000000000000000000000000000000'::bytea"
        case ("trace", _): return "'\\x00000000000000000000000000000000000000000000000000'::bytea"
        case ("after", "bigint"), ("at", "bigint"), ("before", "bigint"), ("until", "bigint"): return "NULL::bigint"
        case ("is_right", _): return "true"
        case ("not_after", _), ("now_ms", _): return "0::bigint"
        case ("parameters", _), ("lock_for", "bigint[]"), ("at", _), ("after", "bigint[]"):
            return "ARRAY[NULL]::\(type)"
        case ("locks", _): return "ARRAY[NULL]::bytea[]"
        case ("unique_key", _), ("unique_for", _), ("delay", _), ("run_at", _), ("deadline", _), ("timeout", _),
            ("traceparent", _):
            return "NULL::\(type)"
        default: break
        }
        switch type {
        case "text": return "'x'"
        case "text[]": return "ARRAY['x']"
        case "\"char\"": return "'r'::\"char\""
        case "smallint", "integer", "bigint": return "1::\(type)"
        case "integer[]", "bigint[]": return "ARRAY[1]::\(type)"
        case "boolean": return "false"
        case "bytea": return "'\\x00'::bytea"
        case "bytea[]": return "ARRAY['\\x00']::bytea[]"
        case "jsonb": return "'1'::jsonb"
        case "jsonb[]": return "ARRAY['1']::jsonb[]"
        case "interval": return "'1 s'::interval"
        case "timestamp with time zone": return "'2030-01-01 00:00:00+00'::timestamptz"
        default: return "NULL::\(type)"
        }
    }
}
