// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// Requests to servers on this machine.
enum LocalHTTP {
    /// The body of an answer; nil for no answer, or one that is not 200.
    static func get(_ url: String) async -> String? {
        guard let url = URL(string: url) else { return nil }
        var request = URLRequest(url: url)
        request.timeoutInterval = 20
        guard let (data, response) = try? await URLSession.shared.data(for: request),
            (response as? HTTPURLResponse)?.statusCode == 200
        else { return nil }
        return String(decoding: data, as: UTF8.self)
    }

    static func get<Value: Decodable>(_ url: String, as type: Value.Type) async -> Value? {
        guard let text = await get(url) else { return nil }
        return try? JSONDecoder().decode(type, from: Data(text.utf8))
    }
}
