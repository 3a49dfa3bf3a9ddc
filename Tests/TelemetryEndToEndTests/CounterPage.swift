// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation

/// The counters of a page of /metrics, or of several added up.
struct CounterPage {
    /// By name and labels, as they are written.
    private(set) var values: [String: Int] = [:]

    init() {}

    init(_ text: String) {
        for line in text.split(separator: "\n") where !line.hasPrefix("#") {
            guard let space = line.lastIndex(of: " "), let value = Double(line[line.index(after: space)...]),
                value.magnitude < 1e15
            else { continue }
            let name = line[..<space]
            guard name.contains("_total") || name.contains("_count") else { continue }
            values[String(name), default: 0] += Int(value)
        }
    }

    static func + (left: CounterPage, right: CounterPage) -> CounterPage {
        var sum = left
        sum.values.merge(right.values, uniquingKeysWith: +)
        return sum
    }

    /// The sum of a family by one label.
    func sums(of name: String, by label: String) -> [String: Int] {
        var sums: [String: Int] = [:]
        for (series, value) in values where series.hasPrefix(name + "{") && value != 0 {
            guard let start = series.range(of: label + "=\"")?.upperBound else { continue }
            sums[String(series[start...].prefix { $0 != "\"" }), default: 0] += value
        }
        return sums
    }

    /// The sum of a family.
    func sum(of name: String) -> Int {
        values.filter { $0.key == name || $0.key.hasPrefix(name + "{") }.values.reduce(0, +)
    }
}
