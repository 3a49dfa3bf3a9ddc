// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
package import SpanQueueRedis

extension Scripts {
    /// The embedded scripts, but for those of which the directory has a file of its own: `claim.lua`, for one.
    package static func replaced(from directory: String) throws -> Scripts {
        try Scripts { name, source in
            let file = "\(directory)/\(name).lua"
            guard FileManager.default.fileExists(atPath: file) else { return source }
            return [UInt8](try Data(contentsOf: URL(fileURLWithPath: file)))
        }
    }
}
