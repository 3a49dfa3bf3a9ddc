// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Testing

@testable import SpanQueueTelemetry

@Suite("Pages, to the byte")
struct GoldenPageTests {
    @Test("text 0.0.4")
    func text() {
        let expected = #"""
            # HELP busy_seconds_total Time "busy", \\ and\nmore.
            # TYPE busy_seconds_total counter
            busy_seconds_total 12.25
            # HELP depth Jobs.
            # TYPE depth gauge
            depth{queue="de\"fa\\ult\n",job_type="email:wélcome"} -Inf
            depth{queue="",job_type="a"} NaN
            # HELP spanq_build_info Build.
            # TYPE spanq_build_info gauge
            spanq_build_info{version="1.0"} 1
            # HELP wait_seconds Wait.
            # TYPE wait_seconds histogram
            wait_seconds_bucket{queue="q",le="5e-05"} 0
            wait_seconds_bucket{queue="q",le="0.05"} 2
            wait_seconds_bucket{queue="q",le="1.0"} 3
            wait_seconds_bucket{queue="q",le="3600.0"} 3
            wait_seconds_bucket{queue="q",le="+Inf"} 7
            wait_seconds_sum{queue="q"} 1e+17
            wait_seconds_count{queue="q"} 7

            """#
        #expect(PageFixture.page(PageFixture.everything, .text) == expected)
    }

    @Test("OpenMetrics 1.0")
    func openMetrics() {
        let ids = #"{trace_id="5b8aa5a2d2c872e8a2fb4a1d1a96d313",span_id="051581bf3cb55c13"}"#
        let expected = #"""
            # TYPE busy_seconds counter
            # UNIT busy_seconds seconds
            # HELP busy_seconds Time \"busy\", \\ and\nmore.
            busy_seconds_total 12.25 # \#(ids) 0.04 1520879607.789
            # TYPE depth gauge
            # HELP depth Jobs.
            depth{queue="de\"fa\\ult\n",job_type="email:wélcome"} -Inf
            depth{queue="",job_type="a"} NaN
            # TYPE spanq_build info
            # HELP spanq_build Build.
            spanq_build_info{version="1.0"} 1
            # TYPE wait_seconds histogram
            # UNIT wait_seconds seconds
            # HELP wait_seconds Wait.
            wait_seconds_bucket{queue="q",le="5e-05"} 0
            wait_seconds_bucket{queue="q",le="0.05"} 2 # \#(ids) 0.04 1520879607.789
            wait_seconds_bucket{queue="q",le="1.0"} 3
            wait_seconds_bucket{queue="q",le="3600.0"} 3
            wait_seconds_bucket{queue="q",le="+Inf"} 7
            wait_seconds_sum{queue="q"} 1e+17
            wait_seconds_count{queue="q"} 7
            # EOF

            """#
        #expect(PageFixture.page(PageFixture.everything, .openMetrics) == expected)
    }

    @Test("_created comes only when asked for, and only in OpenMetrics")
    func created() {
        let page = PageFixture.page(PageFixture.everything, .openMetrics, created: true)
        #expect(page.contains("\nbusy_seconds_created 1520872607.123\n"))
        #expect(page.contains("\nwait_seconds_created{queue=\"q\"} 1520872607.123\n"))
        #expect(PageFixture.page(PageFixture.everything, .text, created: true).contains("_created") == false)
    }

    @Test("an empty registry is a page too")
    func empty() {
        let empty = MetricsSnapshot(families: [], timeUnixNanoseconds: 0)
        #expect(PageFixture.page(empty, .text).isEmpty)
        #expect(PageFixture.page(empty, .openMetrics) == "# EOF\n")
    }

    @Test("a writer used again writes what a new one writes")
    func reuse() {
        var writer = ExpositionWriter()
        for format in [ExpositionFormat.text, .openMetrics, .text] {
            writer.write(PageFixture.everything, as: format)
            #expect(String(decoding: writer.bytes, as: UTF8.self) == PageFixture.page(PageFixture.everything, format))
        }
    }
}
