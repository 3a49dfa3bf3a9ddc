// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import Testing

/// A list of steps that once failed.
struct Regression: Sendable, CustomTestStringConvertible {
    let name: String
    let text: String
    var testDescription: String { name }

    /// Those in the folder beside this file.
    static func all() throws -> [Regression] {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appending(path: "Regressions")
        return try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
            .filter { $0.pathExtension == "steps" }.sorted { $0.path < $1.path }
            .map { Regression(name: $0.lastPathComponent, text: try String(contentsOf: $0, encoding: .utf8)) }
    }
}
