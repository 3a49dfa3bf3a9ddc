// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation

/// What a page of ours must be, and independent parsers let pass when it is not: each TYPE once and before its samples, families in
/// one piece, `le` canonical and rising, cumulative counts that do not fall, +Inf equal to the count, an exemplar inside its bucket and
/// only where one may be.
struct PageLint {
    private var problems: [String] = []
    private var typed: Set<String> = []
    private var samples: Set<String> = []
    private var family = ""
    private var isHistogram = false
    private var series = ""
    private var lastBound = -Double.infinity
    private var lastCount = 0.0

    /// The problems of a page, in the order of its lines; none where it is good.
    static func problems(of page: String) -> [String] {
        var lint = PageLint()
        for line in page.split(separator: "\n") { lint.check(String(line)) }
        return lint.problems
    }

    private mutating func check(_ line: String) {
        if line.hasPrefix("# TYPE ") {
            let words = line.split(separator: " ")
            family = String(words[2])
            isHistogram = words[3] == "histogram"
            if !typed.insert(family).inserted { problems.append("TYPE twice: \(family)") }
        } else if !line.hasPrefix("#") {
            checkSample(line)
        }
    }

    private mutating func checkSample(_ line: String) {
        let name = Self.series(of: line)
        let rest = line.dropFirst(name.count + 1)
        let exemplar = rest.range(of: " # {")
        guard let value = number(exemplar.map { rest[..<$0.lowerBound] } ?? rest) else {
            return problems.append("no value: \(line)")
        }
        let metric = name.prefix { $0 != "{" }
        if !metric.hasPrefix(family) { problems.append("outside its family: \(line)") }
        if !samples.insert(name).inserted { problems.append("twice: \(name)") }
        if exemplar != nil, !metric.hasSuffix("_bucket"), !metric.hasSuffix("_total") {
            problems.append("no place for an exemplar: \(line)")
        }
        guard isHistogram else { return }
        if metric.hasSuffix("_bucket") {
            checkBucket(line, name, value, exemplar.map { String(rest[$0.upperBound...]) })
        } else if metric.hasSuffix("_count"), value != lastCount || lastBound != .infinity {
            problems.append("the count is not the +Inf bucket: \(line)")
        }
    }

    private mutating func checkBucket(_ line: String, _ name: String, _ count: Double, _ exemplar: String?) {
        guard let start = name.range(of: "le=\"", options: .backwards) else { return problems.append("no le: \(line)") }
        if name[..<start.lowerBound] != series || lastBound == .infinity {
            (series, lastBound, lastCount) = (String(name[..<start.lowerBound]), -.infinity, 0)
        }
        let text = name[start.upperBound...].prefix { $0 != "\"" }
        guard let bound = number(text) else { return problems.append("no bound: \(line)") }
        if !text.contains(where: { ".eI".contains($0) }) { problems.append("le is not canonical: \(line)") }
        if bound <= lastBound { problems.append("le does not rise: \(line)") }
        if count < lastCount { problems.append("the count falls: \(line)") }
        if let exemplar, let end = exemplar.lastIndex(of: "}") {
            let value = number(exemplar[exemplar.index(end, offsetBy: 2)...].prefix { $0 != " " }) ?? .nan
            if !(value > lastBound && value <= bound) { problems.append("exemplar outside its bucket: \(line)") }
            if exemplar[..<end].count > 128 { problems.append("exemplar too long: \(line)") }
        }
        (lastBound, lastCount) = (bound, count)
    }

    /// Name and labels: up to the first space that is not inside a label's value.
    private static func series(of line: String) -> String {
        var isQuoted = false
        var isEscaped = false
        let series = line.prefix { character in
            if isEscaped {
                isEscaped = false
            } else if character == "\\" {
                isEscaped = true
            } else if character == "\"" {
                isQuoted.toggle()
            }
            return isQuoted || character != " "
        }
        return String(series)
    }

    private func number(_ text: some StringProtocol) -> Double? {
        switch text {
        case "+Inf": .infinity
        case "-Inf": -.infinity
        case "NaN": .nan
        default: Double(text)
        }
    }
}
