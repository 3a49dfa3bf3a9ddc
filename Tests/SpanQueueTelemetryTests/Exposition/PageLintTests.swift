// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import Testing

@testable import SpanQueueTelemetry

@Suite("Pages keep the rules that parsers do not check")
struct PageLintTests {
    @Test("the lint finds what it is there for")
    func finds() {
        let head = "# TYPE h histogram\n"
        let good = head + "h_bucket{le=\"1.0\"} 1\nh_bucket{le=\"+Inf\"} 2\nh_sum 3\nh_count 2\n"
        #expect(PageLint.problems(of: good) == [])
        for (bad, problem) in [
            (good + good, "TYPE twice"), (good.replacingOccurrences(of: "1.0", with: "1"), "le is not canonical"),
            (good.replacingOccurrences(of: "\"} 1", with: "\"} 3"), "the count falls"),
            (good.replacingOccurrences(of: "count 2", with: "count 3"), "the count is not the +Inf bucket"),
            (good.replacingOccurrences(of: "\"} 1", with: "\"} 1 # {a=\"b\"} 1.5"), "exemplar outside its bucket"),
            (good.replacingOccurrences(of: "sum 3", with: "sum 3 # {a=\"b\"} 1"), "no place for an exemplar"),
            (good + "other 1\n", "outside its family"), (good + "h_sum 3\n", "twice"),
        ] {
            #expect(PageLint.problems(of: bad).contains { $0.hasPrefix(problem) }, "\(problem)")
        }
    }

    @Test("pages of any registry pass", arguments: 0..<50)
    func pass(seed: Int) throws {
        let registry = MetricsRegistry()
        try RandomRegistry.fill(registry)
        for format in ExpositionFormat.allCases {
            #expect(PageLint.problems(of: PageFixture.page(registry.snapshot(), format)) == [])
        }
        let first = PageFixture.page(registry.snapshot(), .text)
        #expect(first == PageFixture.page(registry.snapshot(), .text))
    }
}
