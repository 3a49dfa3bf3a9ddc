// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

/// Texts that do something where a program makes SQL of them. What they try to call is `probe.hit()`, or a table that they drop.
enum HostileText {
    static let all: [String] =
        [
            "'", "''", "\"", "\\", "\\'", "'; SELECT probe.hit(); --", "' || probe.hit() || '", "'||probe.hit()--",
            "' OR probe.hit() IS NOT NULL --", "' UNION SELECT probe.hit() --", "x', probe.hit(), 'x",
            "'); SELECT probe.hit(); --", "']); SELECT probe.hit(); --", "'::text); SELECT probe.hit(); --",
            "\\'; SELECT probe.hit(); --", "\\\\'; SELECT probe.hit(); --", "E'\\x27; SELECT probe.hit(); --",
            "U&'\\0027; SELECT probe.hit(); --", "\"; SELECT probe.hit(); --", "\" || probe.hit() || \"",
            "probe.hit()", "(SELECT probe.hit())", "1; SELECT probe.hit()", "1 OR probe.hit() IS NOT NULL",
            "$$; SELECT probe.hit(); $$", "$body$; SELECT probe.hit(); $body$", "$1", "$2::regclass", "%s",
            "%I %L %1$s",
            "/* */ probe.hit()", "*/ probe.hit() /*", "-- probe.hit()", "'/**/||/**/probe.hit()/**/||/**/'",
            "'; DROP TABLE probe.canary; --", "\"; DROP TABLE probe.canary; --",
            "'; COMMIT; DROP TABLE probe.canary; --",
            "'||(SELECT string_agg(rolname, ',') FROM pg_authid)||'", "'||pg_sleep(0.01)||'",
            "'; SELECT pg_sleep(0.01); --",
            "'; COPY probe.canary TO PROGRAM 'true'; --", "NULL", "null", "DEFAULT", "{}", "{\"a\",NULL}", "{{1},{2}}",
            "(1,\"a\")", "{\"a\":null}", "\\N", "\\.", "\\! true", "\r\n'; SELECT probe.hit(); --\r\n",
            "\t';\tSELECT\tprobe.hit();\t--", "\u{2019}; SELECT probe.hit(); --", "\u{02BC}; SELECT probe.hit(); --",
            "\u{FF07}; SELECT probe.hit(); --", "\u{202E}'; SELECT probe.hit(); --", "\u{FEFF}'", "é'ü\"ß\u{1F4A5}'",
            "public.job", "spanq.live; SELECT probe.hit()", "pg_temp.x", "on", "-1", "9223372036854775808", "1e400",
            "NaN",
            "infinity", "",
        ] + [String(repeating: "'", count: 999), String(repeating: "a'\"\\", count: 2_000)]
}
